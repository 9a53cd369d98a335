/** Removes a track: its processing, its record, its segments, its original. */
import type { Encoder } from '../encoding/encoder.ts';
import { errors } from '../errors.ts';
import type { FactsJob } from '../facts/facts-job.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';

/**
 * Removes a track. Once it resolves nothing of the track is stored.
 *
 * @throws {AppError} 404 when there is none.
 */
export async function removeTrack(
  filename: string,
  {
    library,
    storage,
    encoder,
    facts,
    trackEvents,
  }: {
    library: Library;
    storage: Storage;
    encoder: Encoder;
    facts: Pick<FactsJob, 'cancel' | 'release'>;
    trackEvents: TrackEvents;
  },
): Promise<void> {
  const track = await library.get(filename);
  if (!track) throw errors.trackNotFound(filename);
  const cancel = () => Promise.all([encoder.cancel(filename), facts.cancel(filename)]);
  try {
    await cancel();
    await library.remove(filename, async () => {
      try {
        // Again: a retry may have come in between. From here on nothing can start the track.
        await cancel();
        await removeStored(track, storage);
      } finally {
        // Also where files are left: the track exists no more.
        trackEvents.removed(filename);
      }
    });
  } finally {
    facts.release(filename);
  }
}

/** Removes what is stored of a track. */
export async function removeStored(
  { home, upload, uploadId }: Pick<Track, 'home' | 'upload' | 'uploadId'>,
  storage: Pick<Storage, 'removeHome' | 'removeUpload'>,
): Promise<void> {
  await storage.removeHome(home);
  // The record of a ready track may not name an original that is still to be removed.
  const original = upload ?? uploadId;
  if (original !== null) await storage.removeUpload(original);
}
