/** How many samples a source has, by decoding it: nothing is written, and it takes no longer than decoding does. */
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { gapFillingFilter, mapAudioStream, resampleFilter } from '../ffmpeg/filters.ts';
import { type Decoding, decodeOptions } from './decoding.ts';

/** Enough for a day of audio on a slow machine. */
export const DECODE_TIMEOUT_MS = 20 * 60_000;

/** How long ffmpeg may report nothing: it seeks through ten hours of ADTS in two seconds. */
const SILENT_MS = 60_000;
/** Samples that are reported together: large pieces spare the pipe, which cost more than the decoder. */
const REPORTED_SAMPLES = 65_536;

export interface CountOptions {
  /** The sample to start at. */
  from?: number;
  /** How much is decoded at the most; a second more than the longest audio where this is left out. */
  seconds?: number;
  /** Whether the time stamps of the source are kept to: what is lost counts as silence then. */
  hasTimeline: boolean;
}

/**
 * @throws {FfmpegError} when ffmpeg fails or takes too long.
 * @throws the signal's reason when it was aborted.
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
      // One channel of 8 bits: as many bytes as samples.
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

/** A line such as `0,      65536,      65536,    30464,    30464, 0xa11547e1`: stream, dts, pts, duration, bytes, checksum. */
function packetBytes(line: string): number {
  return line.startsWith('#') ? 0 : Number(line.split(',')[4] ?? 0) || 0;
}
