/**
 * A copy of a source that cannot be sought in to the sample, or whose time stamps lie, made by decoding it once from
 * beginning to end.
 */
import { open } from 'node:fs/promises';
import { errors } from '../errors.ts';
import { FfmpegError, startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { gapFillingFilter, mapAudioStream, resampleFilter } from '../ffmpeg/filters.ts';
import { DECODE_TIMEOUT_MS } from './count-samples.ts';
import { type Decoding, decodeOptions } from './decoding.ts';
import { readTotalSamples, STREAMINFO_END } from './flac-header.ts';

export interface CopyRequest extends Decoding {
  /** The copy ends there, in bytes. */
  maxBytes: number;
  /** Whether the time stamps of the source are kept to: what is lost becomes silence then. */
  hasTimeline: boolean;
}

export interface SeekableCopy {
  /** N */
  samples: number;
  /** The copy reached `maxBytes`: the rest of the source is not in it. */
  isCut: boolean;
}

/** The copy has 24 bits, for sources of floating point. FLAC never takes more than PCM, but for some bytes a frame. */
export const COPY_SAMPLE_BYTES = 3;

/**
 * Decodes the whole file to FLAC, from which every run starts; N is what comes out, true for every container.
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
      // The least compression is the fastest.
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
    // There ffmpeg stops, and says nothing.
    return { samples: readTotalSamples(buffer), isCut: size >= request.maxBytes };
  } finally {
    await handle.close();
  }
}
