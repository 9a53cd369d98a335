/** Local copies of files that are stored elsewhere, by name: fetched once for all who need one, kept while there is room. */
import { access } from 'node:fs/promises';
import { createDeferred, unlessAborted } from '../concurrency/deferred.ts';
import { absentAs } from './absent.ts';
import type { Scratch, ScratchFile } from './scratch.ts';

/** Writes the bytes to a file. Ends with the signal's reason when nobody waits for them any more. */
export type Fetch = (to: ScratchFile, options: { signal: AbortSignal }) => Promise<void>;

export interface LocalCopies {
  /** Takes a file that is whole as the copy of that name. The file stays pinned as often as it is. */
  add(name: string, file: ScratchFile): void;
  /**
   * Gives `use` the path of a copy, which stays until `use` has settled or the copy is removed. Fetches a copy that is not here.
   * Throws as the fetch does, and the signal's reason where that is aborted before the copy is here.
   */
  using<T>(
    name: string,
    fetch: Fetch,
    use: (path: string) => Promise<T>,
    options?: { signal?: AbortSignal | undefined },
  ): Promise<T>;
  remove(name: string): Promise<void>;
}

interface Copy {
  file: ScratchFile;
  /** Settles when the copy is here; rejects as its fetch does. */
  whole: Promise<void>;
  /** Uses that wait for it. */
  waiting: number;
  /** Ends its fetch. */
  stop: AbortController;
}

export function createLocalCopies(scratch: Scratch): LocalCopies {
  const copies = new Map<string, Copy>();

  const forget = (name: string, file: ScratchFile) => {
    if (copies.get(name)?.file === file) copies.delete(name);
  };

  const put = (name: string, copy: Pick<Copy, 'file' | 'whole'>): Copy => {
    const added = { ...copy, waiting: 0, stop: new AbortController() };
    copies.set(name, added);
    copy.file.whenGone(() => forget(name, copy.file));
    return added;
  };

  const begin = (name: string, fetch: Fetch): Copy => {
    const file = scratch.file();
    const { promise, resolve } = createDeferred<AbortSignal>();
    const fetching = async () => {
      try {
        await fetch(file, { signal: await promise });
        file.unpin();
      } catch (error) {
        await file.remove();
        throw error;
      }
    };
    const copy = put(name, { file, whole: fetching() });
    resolve(copy.stop.signal);
    return copy;
  };

  const arrival = async (name: string, copy: Copy, signal: AbortSignal | undefined) => {
    copy.waiting++;
    try {
      await (signal ? unlessAborted(copy.whole, signal) : copy.whole);
    } catch (error) {
      if (copy.waiting === 1) {
        forget(name, copy.file);
        copy.stop.abort(error);
      }
      throw error;
    } finally {
      copy.waiting--;
    }
  };

  /** Resolves with a copy that is here, pinned. */
  const pinned = async (
    name: string,
    fetch: Fetch,
    signal: AbortSignal | undefined,
  ): Promise<ScratchFile> => {
    for (;;) {
      const copy = copies.get(name) ?? begin(name, fetch);
      copy.file.pin();
      try {
        await arrival(name, copy, signal);
      } catch (error) {
        copy.file.unpin();
        throw error;
      }
      const isHere = await absentAs(
        false,
        access(copy.file.path).then(() => true),
      );
      if (isHere) return copy.file;
      // A careless hand has removed the file.
      await copy.file.remove();
    }
  };

  return {
    add: (name, file) => void put(name, { file, whole: Promise.resolve() }),
    async using(name, fetch, use, { signal } = {}) {
      const file = await pinned(name, fetch, signal);
      try {
        return await use(file.path);
      } finally {
        file.unpin();
      }
    },
    async remove(name) {
      await copies.get(name)?.file.remove();
    },
  };
}
