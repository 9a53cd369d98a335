/** Makes the JPEGs of a cover from a picture, with the sandboxed ffmpeg: what was in the file is never served. */
import { FfmpegError, startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { aviPackets } from './avi-packets.ts';
import { COVER_SIZES, type CoverFiles } from './cover-files.ts';
import { MAX_PIXELS, type Picture, type PictureFile, tooSlow, unreadable } from './find-picture.ts';

/** A picture of 50 million pixels takes 1.5 s on an idle machine. */
const TIMEOUT_MS = 20_000;
/** The largest JPEG of 1,000 x 1,000 pixels, which is noise, has 0.7 MB. */
const MAX_OUTPUT_BYTES = 8 * 1024 ** 2;
/** Scale of the mjpeg encoder, from 2 (best) to 31. */
const QUALITY = '3';

/**
 * Scales a picture to all sizes of a cover in one run: its longest side at most that many pixels, never enlarged, upright by its
 * EXIF orientation, without metadata, transparent parts white.
 *
 * @throws {AppError} 415 when it does not decode; the signal's reason.
 */
export async function scalePicture(
  { input, inputOptions, streamIndex, codec }: PictureFile & Picture,
  { ffmpeg, signal }: { ffmpeg: string; signal: AbortSignal },
): Promise<CoverFiles> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  const { stdout, done } = startFfmpeg({
    executable: ffmpeg,
    input,
    // Each thread would hold a picture.
    inputOptions: ['-max_pixels', String(MAX_PIXELS), '-threads', '1', ...inputOptions],
    outputOptions: [
      ...['-filter_complex', filterOf(streamIndex, { isOpaque: codec === 'mjpeg' })],
      ...COVER_SIZES.flatMap((size) => ['-map', `[of${size}]`]),
      ...['-frames:v', '1', '-c:v', 'mjpeg', '-pix_fmt', 'yuvj420p', '-q:v', QUALITY, '-map_metadata', '-1'],
      ...['-flags', '+bitexact', '-fflags', '+bitexact', '-f', 'avi'],
    ],
    signal: AbortSignal.any([signal, timeout]),
    timeoutMs: 2 * TIMEOUT_MS,
  });
  try {
    const avi = await readAll(stdout);
    await done;
    return filesIn(avi);
  } catch (error) {
    signal.throwIfAborted();
    if (timeout.aborted) throw tooSlow();
    if (error instanceof FfmpegError) throw unreadable(error.stderr);
    throw error;
  }
}

async function readAll(stdout: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stdout) {
    bytes += chunk.length;
    if (bytes > MAX_OUTPUT_BYTES) throw unreadable('ffmpeg wrote too much');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function filesIn(avi: Buffer): CoverFiles {
  const packets = aviPackets(avi);
  const files = new Map<(typeof COVER_SIZES)[number], Buffer>();
  for (const [at, size] of COVER_SIZES.entries()) {
    const bytes = packets.get(at);
    if (bytes?.toString('hex', 0, 2) !== 'ffd8') throw unreadable('ffmpeg wrote no JPEG');
    files.set(size, Buffer.from(bytes));
  }
  return files;
}

/** Returns the graph of filters from a stream to the outputs `of96`, `of320` and `of1000`. */
function filterOf(streamIndex: number, { isOpaque }: { isOpaque: boolean }): string {
  const [small, middle, large] = COVER_SIZES;
  const onWhite =
    'format=rgba,split[picture][copy];[copy]lutrgb=r=255:g=255:b=255:a=255[white];[white][picture]overlay=format=rgb,';
  return [
    // The others are made from the largest one: a large picture is scaled once.
    `[0:${streamIndex}]${scaleTo(large)},setsar=1,${isOpaque ? '' : onWhite}split=3[a][b][of${large}]`,
    `[a]${scaleTo(small)}[of${small}]`,
    `[b]${scaleTo(middle)}[of${middle}]`,
  ].join(';');
}

function scaleTo(size: number): string {
  const scaled = (side: string) => `'max(1,trunc(${side}*min(1,${size}/max(iw,ih))+0.5))'`;
  return `scale=w=${scaled('iw')}:h=${scaled('ih')}`;
}
