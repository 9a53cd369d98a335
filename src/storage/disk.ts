/** A storage in the folders `uploads/`, `segments/` and `manifests/`. */
import { rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { safeJoin } from '../disk/safe-join.ts';
import { sweepTemporaries, TEMPORARY_PREFIX, writeFileAtomic } from '../disk/write-atomic.ts';
import { absentAs } from './absent.ts';
import { openSegments } from './disk-segments.ts';
import { sidecarsIn } from './disk-sidecars.ts';
import { openUploads } from './disk-uploads.ts';
import type { Storage } from './storage.ts';

const MANIFEST = 'manifest.mpd';

/**
 * Opens a storage on disk, and removes what a crash has left half-written.
 *
 * @param dataDir absolute; the folders in it are made when missing. The library makes `manifests/`.
 */
export async function openDiskStorage(dataDir: string): Promise<Storage> {
  const uploadsFolder = path.join(dataDir, 'uploads');
  const segmentsFolder = path.join(dataDir, 'segments');
  const segments = await openSegments(segmentsFolder);
  const uploads = await openUploads(uploadsFolder);
  for (const folder of [uploadsFolder, segmentsFolder]) await sweepTemporaries(folder);
  const manifests = path.join(dataDir, 'manifests');
  const manifestOf = (home: string) => safeJoin(manifests, home, MANIFEST);
  const { removeSidecars, ...sidecars } = sidecarsIn(manifests);

  return {
    ...uploads,
    ...segments,
    ...sidecars,
    // The manifest lies beside the record of the track. A track that is gone has no such folder.
    async putManifest(home, render) {
      const mpd = render(`../../segments/${encodeURIComponent(home)}/`);
      await absentAs(undefined, writeFileAtomic(manifestOf(home), mpd, manifests));
    },
    async removeHome(home) {
      await segments.removeHome(home);
      await absentAs(undefined, rm(manifestOf(home), { force: true }));
      await removeSidecars(home);
    },
    async room() {
      const { bavail, bsize, files, ffree } = await statfs(uploadsFolder);
      // btrfs makes inodes as they are needed, and says 0 of 0.
      return { bytes: bavail * bsize, files: files === 0 ? Number.POSITIVE_INFINITY : ffree };
    },
    takesRoom: (segments) => segments,
    async assertWritable() {
      for (const folder of [uploadsFolder, segmentsFolder]) {
        const file = path.join(folder, `${TEMPORARY_PREFIX}writable`);
        await writeFileAtomic(file, '');
        await rm(file, { force: true });
      }
    },
  };
}
