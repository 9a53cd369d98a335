/** Finds what is stored and belongs to no track: rests of a crash between two steps, or of a careless hand. */
import type { Library } from '../library/library.ts';
import type { Storage, StoredHome } from '../storage/storage.ts';

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
 * @param ageMs files that changed less long ago than this are left out: they may belong to an upload that is not added yet.
 */
export async function findOrphans(
  { library, storage }: { library: Library; storage: Storage },
  { ageMs }: { ageMs: number },
): Promise<Orphans> {
  const stored = await oldOnes(await storage.listUploads(), ageMs);
  const uploads = await library.unownedUploads(stored.map(({ upload }) => upload));
  const unowned = new Set(uploads);
  const copied = stored.filter(({ upload, hasSeekableCopy }) => hasSeekableCopy && !unowned.has(upload));
  return {
    uploads,
    copies: await library.unusedCopies(copied.map(({ upload }) => upload)),
    homes: (await oldOnes(await unownedHomes({ library, storage }), ageMs)).map(({ home }) => home),
  };
}

/** The age of a home takes a look at all that is stored in it: it is asked only of homes without a track. */
async function unownedHomes({
  library,
  storage,
}: {
  library: Library;
  storage: Storage;
}): Promise<StoredHome[]> {
  const listed = await storage.listHomes();
  const unowned = new Set(await library.unownedHomes(listed.map(({ home }) => home)));
  return listed.filter(({ home }) => unowned.has(home));
}

async function oldOnes<T extends { changedAt(): Promise<number | undefined> }>(
  listed: readonly T[],
  ageMs: number,
): Promise<T[]> {
  // Files may be dated ahead of this clock, by another one.
  if (ageMs === 0) return [...listed];
  const before = Date.now() - ageMs;
  const old: T[] = [];
  for (const each of listed) if (((await each.changedAt()) ?? before) <= before) old.push(each);
  return old;
}
