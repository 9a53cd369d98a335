/** Counts the samples of a source by decoding it. Writes nothing, and takes no longer than the decoder does. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { gapFillingFilter, mapAudioStream, resampleFilter } from '../ffmpeg/filters.ts';
import { type Decoding, decodeOptions } from './decoding.ts';

/** Timeout of a whole decode: enough for a day of audio on a slow machine. */
export const DECODE_TIMEOUT_MS = 20 * 60_000;

/** Milliseconds without output until ffmpeg is ended. It seeks through ten hours of ADTS in two seconds. */
const SILENT_MS = 60_000;
/** Samples in one line of ffmpeg's report: with small pieces the pipe took more time than the decoder. */
const REPORTED_SAMPLES = 65_536;

export interface CountOptions {
  /** Sample to start at; 0 by default. */
  from?: number;
  /** Most seconds to decode; by default a second more than `maxDurationSeconds`. */
  seconds?: number;
  /** True to follow the time stamps of the source: lost audio then counts as silence. */
  hasTimeline: boolean;
}

/**
 * Resolves with the number of samples that decode.
 *
 * @throws {FfmpegError} when ffmpeg fails or takes too long.
 * @throws the reason of the signal when it is aborted.
 */
export async function countSamples(decoding: Decoding, options: CountOptions): Promise<number> {
  const { sampleRate } = decoding;
  const { from = 0, seconds = decoding.maxDurationSeconds + 1, hasTimeline } = options;
  const timeline = hasTimeline ? gapFillingFilter(sampleRate) : resampleFilter(sampleRate);
  const { stdout, done } = startFfmpeg({
    executable: decoding.executable,
    input: decoding.input,
    inputOptions: decodeOptions(decoding, from),
    outputOptions: [
      ...mapAudioStream(decoding.streamIndex),
      ...['-filter:a', `${timeline},asetnsamples=n=${REPORTED_SAMPLES}:p=0`],
      ...['-t', String(seconds)],
      // With one channel of 8 bits, bytes are samples.
      ...['-ac', '1', '-c:a', 'pcm_u8', '-f', 'framecrc'],
    ],
    signal: decoding.signal,
    timeoutMs: DECODE_TIMEOUT_MS,
    silentMs: SILENT_MS,
  });
  let samples = 0;
  for await (const line of createInterface({ input: Readable.from(stdout, { objectMode: false }) })) {
    samples += packetBytes(line);
  }
  await done;
  return samples;
}

/**
 * Reads a line such as `0,      65536,      65536,    30464,    30464, 0xa11547e1`: stream, dts, pts, duration, bytes,
 * checksum.
 */
function packetBytes(line: string): number {
  return line.startsWith('#') ? 0 : Number(line.split(',')[4] ?? 0) || 0;
}
