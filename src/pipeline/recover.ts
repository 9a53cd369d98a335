/** Takes up unfinished work at the start of the server, after a stop or a crash. */
import type { Logger } from 'pino';
import { coverageOf, measuredRendition } from '../encoding/coverage.ts';
import type { Encoder } from '../encoding/encoder.ts';
import type { Library } from '../library/library.ts';
import { timelineOf } from '../presentation/timeline.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import { sweep } from './janitor.ts';

/** To be called before the first upload is accepted: files without a track count as left by a crash. */
export async function recover(services: {
  library: Library;
  storage: Storage;
  encoder: Encoder;
  log: Logger;
}): Promise<void> {
  const { library, encoder, log } = services;
  for (const filename of await library.damaged()) {
    log.error({ filename }, 'its track.json cannot be read: the track is left alone and not served');
  }
  await sweep(services, { ageMs: 0 });
  for await (const track of library.unmeasured()) {
    // Start even if the disk is not writable.
    await measure(track, services).catch((error: unknown) =>
      log.warn({ filename: track.filename, err: error }, 'measuring its bit rates failed'),
    );
  }
  let unfinished = 0;
  for await (const track of library.unfinished()) {
    unfinished++;
    encoder.start(track);
  }
  if (unfinished > 0) log.info({ tracks: unfinished }, 'resuming unfinished tracks');
}

/** Measures a track of a version that did not measure bit rates. A rendition that lacks a segment stays as it is. */
async function measure(
  track: Track,
  { library, storage }: { library: Library; storage: Storage },
): Promise<void> {
  const segments = await storage.listSegments(track.home);
  const renditions = track.renditions.map((rendition) =>
    measuredRendition(rendition, timelineOf(track), coverageOf(rendition, segments)),
  );
  if (renditions.every((rendition, at) => rendition === track.renditions[at])) return;
  await library.update(track.filename, (current) => ({ ...current, renditions }));
}
