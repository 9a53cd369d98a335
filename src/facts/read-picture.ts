/** Makes a cover of a picture that a client has sent. */
import { errors } from '../errors.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Storage } from '../storage/storage.ts';
import type { CoverFiles } from './cover-files.ts';
import { findPicture } from './find-picture.ts';
import { pictureDemuxer } from './picture-format.ts';
import { scalePicture } from './scale-picture.ts';

/** Largest picture that clients may send, in bytes. */
export const MAX_PICTURE_BYTES = 10 * 1024 ** 2;

/**
 * Resolves with the files of a cover. Nothing of the picture is left behind.
 *
 * @throws {AppError} 415 when it is no JPEG, PNG or WebP that can be read, or has too many pixels; the signal's reason.
 */
export async function readPicture(
  picture: Buffer,
  { storage, tools, signal }: { storage: Storage; tools: Tools; signal: AbortSignal },
): Promise<CoverFiles> {
  if (tools.lackedForCovers !== undefined) {
    throw errors.unsupportedMedia(`This server makes no covers: its ffmpeg lacks ${tools.lackedForCovers}.`);
  }
  const demuxer = pictureDemuxer(picture);
  if (demuxer === undefined) throw errors.unsupportedMedia('Send the picture as JPEG, PNG or WebP.');
  const inputOptions = [
    ...['-format_whitelist', demuxer, '-f', demuxer],
    // Its size is known when it is read whole.
    ...['-probesize', String(2 * MAX_PICTURE_BYTES)],
  ];
  const { ffprobe, ffmpeg } = tools;
  const arriving = await storage.beginUpload();
  try {
    await arriving.write(picture);
    return await arriving.usingArrived(async (input) => {
      const file = { input, inputOptions };
      const found = await findPicture(file, { ffprobe, isAttached: false, signal });
      if (!found) throw errors.unsupportedMedia('Send the picture as JPEG, PNG or WebP.');
      return scalePicture({ ...file, ...found }, { ffmpeg, signal });
    });
  } finally {
    await arriving.discard();
  }
}
