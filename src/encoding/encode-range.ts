/**
 * Encodes a range of one rendition with one ffmpeg process: a run. A run can start at any segment. All runs of a track cut at the
 * same samples, so their segments fit together.
 */

import type { Readable } from 'node:stream';
import { startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { DECODE_OPTIONS, gapFillingFilter, mapAudioStream } from '../ffmpeg/filters.ts';
import { FRAME_SAMPLES, PADDING_SAMPLES, type Timeline, timelineOf } from '../presentation/timeline.ts';
import type { Rendition, Track } from '../tracks/track.ts';
import { durationSeconds } from '../tracks/track.ts';
import { TruncatedStreamError } from './boxes.ts';
import { cutSegments, EarlyEndError } from './cutter.ts';

/** The part of a track that a run needs. */
export type EncodedTrack = Pick<
  Track,
  'sampleRate' | 'samples' | 'segmentFrames' | 'channels' | 'streamIndex' | 'hasSeekableCopy'
>;

export interface RangeRequest {
  track: EncodedTrack;
  rendition: Pick<Rendition, 'codec' | 'bitRate'>;
  /** Path of ffmpeg or of its launcher. */
  executable: string;
  /** Absolute path of the original, or its bytes in their order. */
  input: string | Readable;
  /** First segment to encode, counted from 0. */
  from: number;
  /** Returns the segment after the last one to encode. Called again after each segment, for the range may shrink. */
  until(): number;
  signal: AbortSignal;
  /** Time without output after which ffmpeg counts as stuck, in milliseconds; no limit by default. */
  silentMs?: number;
  /** Called with the process that leads the group of ffmpeg. */
  onStart?(pid: number): void;
  /** Awaited before the next piece is read: a slow disk slows the encoder. A throw ends the run. */
  onInit(bytes: Buffer): Promise<void>;
  onSegment(index: number, bytes: Buffer): Promise<void>;
}

/**
 * Encodes segments `from` to `until` and hands them out in order.
 *
 * @throws {OffTimelineError} when the encoder leaves the timeline.
 * @throws {EarlyEndError} when the source ends before N; the whole segments before that were handed out.
 * @throws {FfmpegError} when ffmpeg failed or took too long.
 * @throws the signal's reason when it was aborted.
 */
export async function run(request: RangeRequest): Promise<void> {
  const { track, rendition, from } = request;
  const timeline = timelineOf(track);
  const enough = new AbortController();
  const { stdout, done } = startFfmpeg({
    executable: request.executable,
    input: request.input,
    inputOptions: [...DECODE_OPTIONS, ...seekOptions(timeline, from)],
    outputOptions: encodeOptions(track, rendition, from),
    signal: AbortSignal.any([request.signal, enough.signal]),
    timeoutMs: wallClockLimitMs(track),
    ...(request.silentMs !== undefined && { silentMs: request.silentMs }),
    ...(request.onStart && { onStart: request.onStart }),
  });
  let finished = false;
  try {
    for await (const cut of cutSegments(stdout, { timeline, from })) {
      // After a stop ffmpeg flushes silence that is no part of the source.
      request.signal.throwIfAborted();
      if (cut.kind === 'init') await request.onInit(cut.bytes);
      else if (cut.index < request.until()) await request.onSegment(cut.index, cut.bytes);
      finished = cut.kind === 'media' && cut.index + 1 >= request.until();
      // Ended by a signal, not by `-t`: the encoder's flush would shorten the last segment.
      if (finished) break;
    }
    if (finished) return;
    await done;
    throw new Error(`ffmpeg ended without segment ${request.until() - 1}`);
  } catch (error) {
    // On TERM ffmpeg ends its output properly, and that looks like a source that ends early.
    request.signal.throwIfAborted();
    // A broken pipe and a bad exit come together: the exit tells why, unless the stream itself was wrong.
    if (isTruncation(error)) await done;
    throw error;
  } finally {
    enough.abort(new Error('the run is over'));
    await done.catch(() => {});
  }
}

/** Recognises the errors that a process which died half-way causes as well. */
function isTruncation(error: unknown): boolean {
  return error instanceof EarlyEndError || error instanceof TruncatedStreamError;
}

/** Returns the sample at which a run for segment `from` starts: one segment earlier, to warm the encoder up. */
function startSample(timeline: Timeline, from: number): number {
  return Math.max(0, from - 1) * timeline.segmentSamples;
}

function seekOptions(timeline: Timeline, from: number): string[] {
  const start = startSample(timeline, from);
  return start === 0 ? [] : ['-ss', (start / timeline.sampleRate).toFixed(6)];
}

/** Returns the options after the input: stream, filter, encoder, and cuts on the timeline. */
function encodeOptions(track: EncodedTrack, rendition: RangeRequest['rendition'], from: number): string[] {
  const timeline = timelineOf(track);
  const { sampleRate, segmentFrames } = track;
  const samples = track.samples - startSample(timeline, from);
  // Half a frame short of F frames: the muxer ends a fragment at the first frame that reaches it, so rounding of
  // microseconds can never add or drop one.
  const fragmentMicroseconds = Math.round(((segmentFrames - 0.5) * FRAME_SAMPLES * 1e6) / sampleRate);
  return [
    // The copy has only the chosen stream.
    ...mapAudioStream(track.hasSeekableCopy ? 0 : track.streamIndex),
    ...[
      '-filter:a',
      `${gapFillingFilter(sampleRate)},apad=pad_len=${PADDING_SAMPLES},atrim=end_sample=${samples}`,
    ],
    ...['-c:a', rendition.codec, '-b:a', String(rendition.bitRate)],
    ...['-ar', String(sampleRate), '-ac', String(track.channels)],
    ...['-f', 'mp4', '-movflags', '+dash+delay_moov+default_base_moof+skip_sidx'],
    ...['-frag_duration', String(fragmentMicroseconds)],
  ];
}

/** `setTimeout` ignores a longer time. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** The encoder does about 75 times real time on a free core; a run slower than real time is stuck. */
function wallClockLimitMs(track: EncodedTrack): number {
  return Math.min(MAX_TIMER_MS, 120_000 + durationSeconds(track) * 1000);
}
