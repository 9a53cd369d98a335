/** Finds the picture of a file with ffprobe: the cover in an audio file, or the picture that the file is. */
import * as z from 'zod';
import { type AppError, errors } from '../errors.ts';
import { INPUT_OPTIONS, inputUrl } from '../ffmpeg/input.ts';
import { runTool } from '../ffmpeg/tool-process.ts';

/**
 * Most pixels of a picture: 8,000 x 6,000 as phones take them. ffmpeg refuses more before it allocates memory for them; these
 * take 200 MB.
 */
export const MAX_PIXELS = 50_000_000;
/** What a picture is decoded by. Others, such as SVG or TIFF, are read by too much code for a cover. */
const CODECS = new Set(['mjpeg', 'png', 'apng', 'gif', 'webp', 'bmp']);
const TIMEOUT_MS = 10_000;
const MAX_OUTPUT_BYTES = 256 * 1024;
/** Type 3 of ID3v2.4 (section 4.14) and of FLAC, in ffmpeg's words. */
const FRONT = 'Cover (front)';

/** A tool was not done in time: the picture is to blame, or a machine that is busy. */
export class TooSlowError extends Error {
  override readonly name = 'TooSlowError';
}

/** A file with a picture. */
export interface PictureFile {
  /** Absolute path. */
  input: string;
  /** Options before `-i` that set its format. */
  inputOptions: readonly string[];
}

export interface Picture {
  streamIndex: number;
  /** Name of its codec: `mjpeg`, `png`, ... */
  codec: string;
}

const Streams = z.object({
  streams: z
    .array(
      z.object({
        index: z.int(),
        codec_name: z.string().optional(),
        width: z.int().optional(),
        disposition: z.object({ attached_pic: z.int() }).optional(),
        tags: z.object({ comment: z.string().optional() }).optional(),
      }),
    )
    .default([]),
});

const SHOWN = 'stream=index,codec_name,width:stream_disposition=attached_pic:stream_tags=comment';

/**
 * Resolves with the picture of a file, its front cover where it has several; or with undefined where it has none.
 *
 * @param options.isAttached true for audio files: a stream of video is no cover of them.
 * @throws {AppError} 415 when the picture cannot be read, or has too many pixels; the signal's reason.
 */
export async function findPicture(
  { input, inputOptions }: PictureFile,
  { ffprobe, isAttached, signal }: { ffprobe: string; isAttached: boolean; signal: AbortSignal },
): Promise<Picture | undefined> {
  const args = [
    ...['-v', 'error', ...INPUT_OPTIONS, ...inputOptions, '-max_pixels', String(MAX_PIXELS)],
    ...['-print_format', 'json', '-select_streams', 'v', '-show_entries', SHOWN, '-i', inputUrl(input)],
  ];
  const { output, stderr, code, timedOut, isOverflowing } = await runTool(ffprobe, args, {
    signal,
    timeoutMs: TIMEOUT_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
  });
  if (timedOut) throw tooSlow();
  if (code !== 0 || isOverflowing) throw unreadable(stderr);
  const { streams } = Streams.parse(JSON.parse(output));
  const pictures = streams.filter(({ disposition }) => !isAttached || disposition?.attached_pic === 1);
  const picture = pictures.find(({ tags }) => tags?.comment === FRONT) ?? pictures[0];
  if (!picture) return undefined;
  const { index, codec_name: codec, width = 0 } = picture;
  if (codec === undefined || !CODECS.has(codec) || width === 0) throw unreadable(stderr);
  return { streamIndex: index, codec };
}

/** Returns the error of a picture that ffmpeg does not read. @param stderr what it has said. */
export function unreadable(stderr: string): AppError {
  const [, size] = /Picture size (\d+x\d+) exceeds/.exec(stderr) ?? [];
  const reason =
    size === undefined
      ? 'This picture cannot be read. Send a whole JPEG, PNG or WebP; an animated WebP is not one.'
      : `This picture has ${size} pixels, and a cover may have ${MAX_PIXELS}. Make it smaller, and send it again.`;
  return errors.unreadableMedia(reason, new Error(stderr.trim().slice(-500)));
}

/** Returns the error of a picture that takes too long. */
export function tooSlow(): AppError {
  return errors.unreadableMedia(
    'Reading this picture takes too long. Save it anew as a JPEG or PNG, and send it again.',
    new TooSlowError('ffmpeg was not done with a picture in time'),
  );
}
