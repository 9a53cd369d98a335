/** Gives a failed track another try. */
import type { Encoder } from '../encoding/encoder.ts';
import { errors } from '../errors.ts';
import type { Library } from '../library/library.ts';
import { assertTransition } from '../tracks/status.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';

/**
 * @returns the track, processing again.
 * @throws {AppError} 404 when there is none, 409 when it has not failed.
 */
export async function retryTrack(
  filename: string,
  { library, encoder, trackEvents }: { library: Library; encoder: Encoder; trackEvents: TrackEvents },
): Promise<Track> {
  const now = await library.get(filename);
  if (!now) throw errors.trackNotFound(filename);
  if (now.status !== 'failed') throw errors.notFailed(filename, now.status);
  // The record says "failed" a moment before processing is over.
  await encoder.whenSettled(filename);
  const track = await library.update(filename, (current) => {
    if (current.status !== 'failed') throw errors.notFailed(filename, current.status);
    assertTransition(current.status, 'processing');
    return { ...current, status: 'processing', error: null };
  });
  if (!track) throw errors.trackNotFound(filename);
  encoder.start(track);
  trackEvents.changed(filename);
  return track;
}
