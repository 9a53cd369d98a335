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
 * @param ageMs files that changed less long ago than this are left out: they may belong to an upload that is not added yet.
 */
export async function findOrphans(
  { library, storage }: { library: Library; storage: Storage },
  { ageMs }: { ageMs: number },
): Promise<Orphans> {
  const stored = await storage.listUploads();
  const homes = await storage.listHomes();
  const unowned = new Set(await library.unownedUploads(stored.map(({ upload }) => upload)));
  const copied = stored.filter(({ upload, hasSeekableCopy }) => hasSeekableCopy && !unowned.has(upload));
  const unused = new Set(await library.unusedCopies(copied.map(({ upload }) => upload)));
  const homeless = new Set(await library.unownedHomes(homes.map(({ home }) => home)));
  const old = async <T extends Dated>(listed: readonly T[]) => oldOnes(listed, ageMs);
  return {
    uploads: (await old(stored.filter(({ upload }) => unowned.has(upload)))).map(({ upload }) => upload),
    copies: (await old(copied.filter(({ upload }) => unused.has(upload)))).map(({ upload }) => upload),
    homes: (await old(homes.filter(({ home }) => homeless.has(home)))).map(({ home }) => home),
  };
}

interface Dated {
  changedAt(): Promise<number | undefined>;
}

async function oldOnes<T extends Dated>(listed: readonly T[], ageMs: number): Promise<T[]> {
  // Files may be dated ahead of this clock, by another one.
  if (ageMs === 0) return [...listed];
  const before = Date.now() - ageMs;
  const old: T[] = [];
  for (const each of listed) if (((await each.changedAt()) ?? before) <= before) old.push(each);
  return old;
}
