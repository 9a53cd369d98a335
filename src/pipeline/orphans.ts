/** Finds what is stored and belongs to no track: rests of a crash between two steps, or of a careless hand. */
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';

export interface Orphans {
  /** Originals without a track. */
  uploads: string[];
  /** Originals of tracks that do not use the copy that lies beside them. */
  copies: string[];
  /** Places of segments without a track. */
  homes: string[];
}

/**
 * Lists what no track owns, nor might: while a record is damaged, no original counts as an orphan.
 *
 * @param changedBefore milliseconds since 1970. Younger files may belong to an upload that is not added yet.
 */
export async function findOrphans(
  { library, storage }: { library: Library; storage: Storage },
  { changedBefore }: { changedBefore: number },
): Promise<Orphans> {
  const isOld = ({ changedAt }: { changedAt: number }) => changedAt <= changedBefore;
  const stored = (await storage.listUploads()).filter(isOld);
  const homes = (await storage.listHomes()).filter(isOld).map(({ home }) => home);
  const uploads = await library.unownedUploads(stored.map(({ upload }) => upload));
  const unowned = new Set(uploads);
  const owned = stored.filter(({ upload }) => !unowned.has(upload));
  const copied = owned.filter(({ hasSeekableCopy }) => hasSeekableCopy).map(({ upload }) => upload);
  return {
    uploads,
    copies: await library.unusedCopies(copied),
    homes: await library.unownedHomes(homes),
  };
}
