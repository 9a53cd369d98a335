/** Has a ready track analysed again, or for the first time. */
import { errors } from '../errors.ts';
import type { Library } from '../library/library.ts';
import { TO_ANALYSE } from '../tracks/facts.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';

/**
 * @returns the track, whose analysis is pending.
 * @throws {AppError} 404 when there is none, 409 when it is not ready or this server analyses none.
 */
export async function analyseAgain(
  filename: string,
  { library, trackEvents, analyses }: { library: Library; trackEvents: TrackEvents; analyses: boolean },
): Promise<Track> {
  if (!analyses) throw errors.analysisOff();
  const track = await library.update(filename, (current) => {
    if (current.status !== 'ready') throw errors.notReady(filename, current.status);
    if (current.analysis?.status === 'pending') return current;
    return { ...current, areTagsRead: false, analysis: TO_ANALYSE };
  });
  if (!track) throw errors.trackNotFound(filename);
  trackEvents.changed(filename);
  return track;
}
