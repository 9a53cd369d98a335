/** Which track a request is about. */
import * as z from 'zod';
import { errors } from '../errors.ts';
import type { Library } from '../library/library.ts';
import { isSafeFilename } from '../tracks/filename.ts';
import type { Track } from '../tracks/track.ts';

export const TrackParams = z.object({
  filename: z.string().meta({ description: 'The name of a track', examples: ['song.mp3'] }),
});
export type TrackParams = z.infer<typeof TrackParams>;

/**
 * @returns the name as ours are written: NFC, whatever the client's file system made of it.
 * @throws {AppError} 404 for anything that could never be a track's name: `..`, absolute paths, NUL, ...
 */
export function trackName(params: TrackParams): string {
  const filename = params.filename.normalize('NFC');
  if (!isSafeFilename(filename)) throw errors.trackNotFound(params.filename);
  return filename;
}

/** @returns undefined when there is none. */
export async function findTrack(params: TrackParams, library: Library): Promise<Track | undefined> {
  const filename = params.filename.normalize('NFC');
  return isSafeFilename(filename) ? library.get(filename) : undefined;
}

/** @throws {AppError} 404 when there is none. */
export async function trackOf(params: TrackParams, library: Library): Promise<Track> {
  const track = await findTrack(params, library);
  if (!track) throw errors.trackNotFound(params.filename);
  return track;
}
