/**
 * Makes a copy of a source without exact seeks or with wrong time stamps, by decoding it once from beginning to end.
 */
import { open } from 'node:fs/promises';
import { errors } from '../errors.ts';
import { FfmpegError, startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { gapFillingFilter, mapAudioStream, resampleFilter } from '../ffmpeg/filters.ts';
import { DECODE_TIMEOUT_MS } from './count-samples.ts';
import { type Decoding, decodeOptions } from './decoding.ts';
import { readTotalSamples, STREAMINFO_END } from './flac-header.ts';

export interface CopyRequest extends Decoding {
  /** Size in bytes at which the copy is cut. */
  maxBytes: number;
  /** True to follow the time stamps of the source: silence then replaces lost audio. */
  hasTimeline: boolean;
}

export interface SeekableCopy {
  /** N: samples in the copy. */
  samples: number;
  /** True if the copy reached `maxBytes`: it then lacks the rest of the source. */
  isCut: boolean;
}

/**
 * Bytes of a sample in the copy: 24 bits, for sources of floating point. FLAC exceeds PCM by at most some bytes a frame.
 */
export const COPY_SAMPLE_BYTES = 3;

/**
 * Decodes the whole file to a FLAC, from which every run then starts. N is the length of the output, whatever the
 * container.
 *
 * @throws {FfmpegError} when not one sample decodes.
 * @throws {AppError} 507 when the disk is full.
 */
export async function decodeToFlac(request: CopyRequest, copy: string): Promise<SeekableCopy> {
  const { sampleRate } = request;
  const filter = request.hasTimeline ? gapFillingFilter(sampleRate) : resampleFilter(sampleRate);
  const { done } = startFfmpeg({
    executable: request.executable,
    input: request.input,
    inputOptions: decodeOptions(request),
    outputOptions: [
      ...mapAudioStream(request.streamIndex),
      ...['-filter:a', filter, '-ac', String(request.channels)],
      ...['-fs', String(Math.max(1, request.maxBytes))],
      ...['-t', String(request.maxDurationSeconds + 1)],
      // Level 0 is the fastest.
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
  const handle = await open(copy, 'r');
  try {
    const { buffer } = await handle.read(Buffer.alloc(STREAMINFO_END), 0, STREAMINFO_END, 0);
    const { size } = await handle.stat();
    // At `-fs` ffmpeg stops without a message.
    return { samples: readTotalSamples(buffer), isCut: size >= request.maxBytes };
  } finally {
    await handle.close();
  }
}
