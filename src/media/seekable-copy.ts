/**
 * A copy of a source that cannot be sought in to the sample, or that does not keep to its own time line, made by
 * decoding it once from beginning to end.
 */
import { open } from 'node:fs/promises';
import { errors } from '../errors.ts';
import { FfmpegError, startFfmpeg } from './ffmpeg.ts';
import { DECODE_OPTIONS, endToEnd, takeStream, trueTimeline } from './run.ts';

/** Decoding runs at some hundred times real time: enough for a day of audio on a slow machine. */
const DECODE_TIMEOUT_MS = 20 * 60_000;

/** What of a file is decoded, and how. */
export interface Decoding {
  /** Path of ffmpeg or of its launcher. */
  executable: string;
  /** Absolute path of the original. */
  input: string;
  signal: AbortSignal;
  channels: number;
  streamIndex: number;
  sampleRate: number;
  /** It ends a second after that: enough to know that it is longer. */
  maxDurationSeconds: number;
}

export interface CopyRequest extends Decoding {
  /** More than that would leave too little room on the disk. */
  maxBytes: number;
  /** Whether its time stamps are worth keeping to: what is lost becomes silence then. */
  hasTimeline: boolean;
}

/**
 * N by decoding the whole file, as a rule through the filter that the encode uses: true for every container. As it has to
 * be done for those that cannot be sought in, the result is kept, as FLAC, and every run starts from that.
 *
 * @throws {FfmpegError} when not one sample decodes.
 * @throws {AppError} 507 when there is no room for the copy.
 */
export async function copyAndCount(request: CopyRequest, copy: string): Promise<number> {
  const { sampleRate } = request;
  const filter = request.hasTimeline ? trueTimeline(sampleRate) : endToEnd(sampleRate);
  const { done } = startFfmpeg({
    executable: request.executable,
    input: request.input,
    inputOptions: DECODE_OPTIONS,
    outputOptions: [
      ...takeStream(request.streamIndex),
      ...['-filter:a', filter, '-ac', String(request.channels)],
      // 24 bits, for sources of floating point; the least compression is the fastest.
      ...['-fs', String(Math.max(1, request.maxBytes))],
      ...['-t', String(request.maxDurationSeconds + 1)],
      ...['-c:a', 'flac', '-sample_fmt', 's32', '-compression_level', '0', '-f', 'flac'],
    ],
    outputFile: copy,
    signal: request.signal,
    timeoutMs: DECODE_TIMEOUT_MS,
  });
  await done.catch((error: unknown) => {
    const isFull = error instanceof FfmpegError && /No space left|quota exceeded/i.test(error.stderr);
    throw isFull ? errors.storageFull(error) : error;
  });
  return flacSamples(copy, request.maxBytes);
}

/** Total samples, from STREAMINFO (RFC 9639 section 8.2). */
async function flacSamples(file: string, maxBytes: number): Promise<number> {
  const handle = await open(file, 'r');
  try {
    // There ffmpeg stops, and says nothing.
    if ((await handle.stat()).size >= maxBytes) throw errors.storageFull(new Error('no room for a copy'));
    const { buffer } = await handle.read(Buffer.alloc(26), 0, 26, 0);
    // 36 bits, of which the first four share a byte with the bits per sample.
    return ((buffer[21] ?? 0) & 0x0f) * 2 ** 32 + buffer.readUInt32BE(22);
  } finally {
    await handle.close();
  }
}
