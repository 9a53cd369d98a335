/** What happens at the start, after a stop or a crash: rubbish is swept, unfinished work is taken up again. */
import type { Logger } from 'pino';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { Encoder } from './encode.ts';

/** To be called before the first request: what belongs to no track is taken for rubbish. */
export async function recover(services: {
  library: Library;
  storage: Storage;
  encoder: Encoder;
  log: Logger;
}): Promise<void> {
  const { library, storage, encoder, log } = services;
  const { tracks } = await library.page({});
  const damaged = await library.damaged();
  for (const filename of damaged) {
    log.error({ filename }, 'its track.json cannot be read: the track is left alone and not served');
  }

  const owned = new Set(tracks.map((track) => track.upload));
  // What a damaged record owns cannot be known: nothing is swept then that might be it.
  const uploads = damaged.length > 0 ? [] : await storage.listUploads();
  const orphans = uploads.filter((upload) => !owned.has(upload));
  await Promise.all(orphans.map((upload) => storage.removeUpload(upload)));

  // A crash between a track's end and the removal of its copy.
  for (const { upload, hasSeekableCopy } of tracks) {
    if (upload !== null && !hasSeekableCopy) await storage.removeSeekableCopy(upload);
  }

  const known = new Set([...tracks.map((track) => track.filename), ...damaged]);
  const folders = (await storage.listSegmentFolders()).filter((folder) => !known.has(folder));
  await Promise.all(folders.map((folder) => storage.removeSegments(folder)));
  if (orphans.length + folders.length > 0) {
    log.info({ uploads: orphans.length, segmentFolders: folders.length }, 'swept what belongs to no track');
  }

  const unfinished = tracks.filter((track) => track.status === 'processing').reverse();
  for (const track of unfinished) encoder.start(track);
  if (unfinished.length > 0) log.info({ tracks: unfinished.length }, 'unfinished tracks are taken up again');
}
