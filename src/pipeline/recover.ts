/** What happens at the start, after a stop or a crash: rubbish is swept, unfinished work is taken up again. */
import type { Logger } from 'pino';
import { coverageOf, measuredRendition } from '../encoding/coverage.ts';
import type { Encoder } from '../encoding/encoder.ts';
import type { Library } from '../library/library.ts';
import { timelineOf } from '../presentation/timeline.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';

/** To be called before the first upload is taken: what belongs to no track is taken for rubbish. */
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
  const copied = new Set(tracks.filter((track) => track.hasSeekableCopy).map((track) => track.upload));
  for (const upload of damaged.length > 0 ? [] : await storage.listSeekableCopies()) {
    if (!copied.has(upload)) await storage.removeSeekableCopy(upload);
  }

  const known = new Set([...tracks.map((track) => track.filename), ...damaged]);
  const folders = (await storage.listSegmentFolders()).filter((folder) => !known.has(folder));
  await Promise.all(folders.map((folder) => storage.removeSegments(folder)));
  if (orphans.length + folders.length > 0) {
    log.info({ uploads: orphans.length, segmentFolders: folders.length }, 'swept what belongs to no track');
  }

  for (const track of tracks) {
    const isMeasured = track.renditions.every(({ averageBandwidth }) => averageBandwidth !== null);
    if (track.status !== 'ready' || isMeasured) continue;
    // A disk that takes nothing is no reason not to start.
    await measure(track, services).catch((error: unknown) =>
      log.warn({ filename: track.filename, err: error }, 'its bit rates could not be measured'),
    );
  }

  const unfinished = tracks.filter((track) => track.status === 'processing').reverse();
  for (const track of unfinished) encoder.start(track);
  if (unfinished.length > 0) log.info({ tracks: unfinished.length }, 'unfinished tracks are taken up again');
}

/** For tracks from before bit rates were measured. A rendition that lacks a segment stays as it is. */
async function measure(
  track: Track,
  { library, storage }: { library: Library; storage: Storage },
): Promise<void> {
  const segments = await storage.listSegments(track.filename);
  const renditions = track.renditions.map((rendition) =>
    measuredRendition(rendition, timelineOf(track), coverageOf(rendition, segments)),
  );
  if (renditions.every((rendition, at) => rendition === track.renditions[at])) return;
  await library.update(track.filename, (current) => ({ ...current, renditions }));
}
