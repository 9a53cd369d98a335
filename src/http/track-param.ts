/** Finds the track that a request names. */
import * as z from 'zod';
import { errors } from '../errors.ts';
import type { Library } from '../library/library.ts';
import { isSafeFilename } from '../tracks/filename.ts';
import type { Track } from '../tracks/track.ts';

export const TrackParams = z.object({
  filename: z.string().meta({ description: 'Name of a track', examples: ['song.mp3'] }),
});
export type TrackParams = z.infer<typeof TrackParams>;

/**
 * Returns the name in NFC, as tracks are stored, whatever form the file system of the client uses.
 *
 * @throws {AppError} 404 for a name that no track can have: `..`, absolute paths, NUL, ...
 */
export function trackName(params: TrackParams): string {
  const filename = params.filename.normalize('NFC');
  if (!isSafeFilename(filename)) throw errors.trackNotFound(params.filename);
  return filename;
}

/** Resolves with the track, or with undefined if there is none. */
export async function findTrack(params: TrackParams, library: Library): Promise<Track | undefined> {
  const filename = params.filename.normalize('NFC');
  return isSafeFilename(filename) ? library.get(filename) : undefined;
}

/** Resolves with the track. @throws {AppError} 404 when there is none. */
export async function trackOf(params: TrackParams, library: Library): Promise<Track> {
  const track = await findTrack(params, library);
  if (!track) throw errors.trackNotFound(params.filename);
  return track;
}
