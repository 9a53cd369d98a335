/** Makes the cover of a track from the picture in its file. */
import type { Logger } from 'pino';
import { AppError } from '../errors.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { Opening, Track } from '../tracks/track.ts';
import { replaceCover } from './change-cover.ts';
import { type CoverFiles, coverOf } from './cover-files.ts';
import { findPicture, TooSlowError } from './find-picture.ts';
import { StuckError } from './resting.ts';
import { scalePicture } from './scale-picture.ts';

export interface CoverContext {
  library: Library;
  storage: Storage;
  tools: Tools;
  log: Logger;
  /** Aborted when the track is deleted, or the server stops. */
  signal: AbortSignal;
}

/**
 * Makes the cover, unless the track has one, a client has chosen, or its original is gone. A picture that cannot be read makes
 * no cover. Decodes no audio; takes 0.2 s.
 */
export async function makeCover(track: Track, context: CoverContext): Promise<void> {
  const { storage, library, signal, log, tools } = context;
  const { filename, upload } = track;
  if (!isWanted(track) || upload === null || tools.lackedForCovers !== undefined) return;
  if (!(await storage.hasUpload(upload))) return;
  const opening = track.copy?.opening ?? null;
  const files = await storage
    .usingUpload(upload, (input) => pictureIn({ input, opening }, context), { signal })
    .catch((error: unknown) => {
      if (!(error instanceof AppError) || error.code !== 'unsupported_media') throw error;
      // It is tried again: the machine may have been busy.
      if (error.cause instanceof TooSlowError) throw new StuckError(error.cause.message);
      log.info({ filename, err: error }, 'the picture in a file makes no cover');
    });
  if (!files) return;
  signal.throwIfAborted();
  const cover = coverOf(files);
  const change = (current: Track) => (isWanted(current) ? { ...current, cover } : current);
  await replaceCover(track, { cover, files, change }, { library, storage });
}

function isWanted({ cover, edited }: Track): boolean {
  return cover === null && !edited.includes('cover');
}

async function pictureIn(
  { input, opening }: { input: string; opening: Opening | null },
  { tools, signal }: CoverContext,
): Promise<CoverFiles | undefined> {
  // What lies before the first frame are tags, and the picture is one of them.
  const file = { input, inputOptions: opening ? ['-f', opening.demuxer] : [] };
  const picture = await findPicture(file, { ffprobe: tools.ffprobe, isAttached: true, signal });
  // Yields least: it takes a moment, and is not to starve on a busy machine.
  const ffmpeg = tools.background.at(-1) as string;
  return picture && scalePicture({ ...file, ...picture }, { ffmpeg, signal });
}
