/** What the owner of a track may do to what is stored. A segment is put without a fence: its name says what it holds. */
import { errors } from '../../errors.ts';
import type { Storage } from '../../storage/storage.ts';

/**
 * Returns a storage for the encoder of a node: it removes segments only under a valid lease, and originals by way of the
 * trash.
 *
 * @param options.isOwned returns whether this node has a valid lease on the track of a home.
 */
export function fenceStorage(
  storage: Storage,
  { isOwned, trash }: { isOwned(home: string): boolean; trash(upload: string): Promise<void> },
): Storage {
  return {
    ...storage,
    async removeSegment(home, name) {
      if (!isOwned(home))
        throw errors.storageUnavailable(new Error(`no valid lease on the track at ${home}`));
      await storage.removeSegment(home, name);
    },
    removeUpload: trash,
  };
}
