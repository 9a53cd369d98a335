/** The tracks whose facts this server may find, one after the other. */
import type { Library } from '../library/library.ts';
import type { Track } from '../tracks/track.ts';
import { isPending } from './settle.ts';

export interface PendingTracks {
  /** Milliseconds after which there may be tracks of which nobody has told; undefined where that cannot be. */
  readonly lookEveryMs?: number;
  /** Resolves with a track that nobody else takes until it is given back; undefined where there is none now. */
  take(): Promise<Track | undefined>;
  /** Tells of a track that may be pending. */
  offer(filename: string): void;
  /** Gives a track back. @param again true where it is to be taken again, after all others. */
  giveBack(track: Track, options: { again: boolean }): Promise<void>;
}

/** Creates the queue of a server that has its library to itself. Pending tracks of the library come first, the oldest before. */
export function createPendingTracks(library: Pick<Library, 'get' | 'unanalysed'>): PendingTracks {
  const names = new Set<string>();
  let reading: Promise<void> | undefined;
  const readAll = async () => {
    for await (const { filename } of library.unanalysed()) names.add(filename);
  };
  return {
    async take() {
      reading ??= readAll();
      await reading;
      for (const filename of names) {
        names.delete(filename);
        const track = await library.get(filename);
        if (track && isPending(track)) return track;
      }
      return undefined;
    },
    offer: (filename) => void names.add(filename),
    async giveBack({ filename }, { again }) {
      if (again) names.add(filename);
    },
  };
}
