/** Removes what a crash left behind. */
import type { Logger } from 'pino';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import { findOrphans } from './orphans.ts';

/**
 * Removes stored files that belong to no track.
 *
 * @param options.ageMs files that changed later than so long ago stay: they may belong to an upload that is not added yet. A
 *   server that has its folder to itself takes 0 before it accepts the first upload.
 */
export async function sweep(
  { library, storage, log }: { library: Library; storage: Storage; log: Logger },
  { ageMs }: { ageMs: number },
): Promise<void> {
  const { uploads, copies, homes } = await findOrphans({ library, storage }, { ageMs });
  await Promise.all(uploads.map((upload) => storage.removeUpload(upload)));
  await Promise.all(copies.map((upload) => storage.removeSeekableCopy(upload)));
  await Promise.all(homes.map((home) => storage.removeHome(home)));
  const unfinished = await storage.sweepUnfinished({ ageMs });
  if (uploads.length + homes.length + unfinished > 0) {
    log.info(
      { uploads: uploads.length, segmentFolders: homes.length, unfinished },
      'swept files without a track',
    );
  }
}
