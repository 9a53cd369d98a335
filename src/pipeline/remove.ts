/** Removes a track: its processing, its record, its segments, its original. */
import type { Encoder } from '../encoding/encoder.ts';
import { errors } from '../errors.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
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
    trackEvents,
  }: { library: Library; storage: Storage; encoder: Encoder; trackEvents: TrackEvents },
): Promise<void> {
  const track = await library.get(filename);
  if (!track) throw errors.trackNotFound(filename);
  await encoder.cancel(filename);
  await library.remove(filename, async () => {
    try {
      // Again: a retry may have come in between. From here on nothing can start the track.
      await encoder.cancel(filename);
      await storage.removeHome(track.home);
      // The record of a ready track may not name an original that is still to be removed.
      const original = track.upload ?? track.uploadId;
      if (original !== null) await storage.removeUpload(original);
    } finally {
      // Also where files are left: the track exists no more.
      trackEvents.removed(filename);
    }
  });
}
