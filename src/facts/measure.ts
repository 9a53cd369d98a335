/** Decodes a track once, and measures it: loudness by EBU R 128, waveforms, pauses. */
import type { Readable } from 'node:stream';
import { startFfmpeg } from '../ffmpeg/ffmpeg.ts';
import { DECODE_OPTIONS } from '../ffmpeg/filters.ts';
import { PADDING_SAMPLES } from '../presentation/timeline.ts';
import type { Loudness } from '../tracks/facts.ts';
import { createLoudnessReport } from './loudness-report.ts';
import type { Pause } from './pauses.ts';
import { createPcmReader, type PcmFormat } from './pcm-reader.ts';
import type { PixelsPerSecond } from './waveform.ts';

export interface MeasureRequest {
  format: PcmFormat;
  /** Path of ffmpeg or of its launcher. */
  executable: string;
  /** Absolute path, or bytes in their order. */
  input: string | Readable;
  /** Options before `-i`. */
  inputOptions: readonly string[];
  /** Index of the audio stream. */
  streamIndex: number;
  /** Filter that puts the audio onto the timeline of the track. */
  timeline: string;
  signal: AbortSignal;
  /** Called with the process that leads the group of ffmpeg when its first audio has come. */
  onDecoding?(pid: number): void;
  /** Called with each piece of audio. */
  onProgress?(): void;
  /** Called with each pixel of the coarse waveform: the lowest and the highest of its samples, of 16 bits. */
  onCoarse?(lowest: number, highest: number): void;
}

export interface Measured {
  /** Undefined where ffmpeg cannot tell: see `loudness-report.ts`. */
  loudness: Loudness | undefined;
  waveforms: Map<PixelsPerSecond, Buffer>;
  pauses: Pause[];
}

/** `setTimeout` ignores a longer time. How long a run may take is for its caller, who lets it rest. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Loudness is measured before channels are mixed down, true peaks at four times the sample rate. Mono counts as played by two
 * loudspeakers.
 *
 * @throws {FfmpegError} when ffmpeg fails, or decodes nothing.
 * @throws the signal's reason.
 */
export async function measure(request: MeasureRequest): Promise<Measured> {
  const { format, signal, onDecoding, onProgress } = request;
  const report = createLoudnessReport();
  const reader = createPcmReader(format, request.onCoarse);
  let leader: number | undefined;
  const { stdout, done } = startFfmpeg({
    executable: request.executable,
    input: request.input,
    inputOptions: [...DECODE_OPTIONS, '-nostats', '-loglevel', 'info', ...request.inputOptions],
    outputOptions: [
      ...['-filter_complex', graph(request), '-map', '[pcm]', '-map_metadata', '-1', '-map_chapters', '-1'],
      ...['-c:a', 'pcm_s16le', '-f', 's16le'],
    ],
    signal,
    timeoutMs: MAX_TIMER_MS,
    onStderr: report.line,
    onStart(pid) {
      leader = pid;
    },
  });
  try {
    for await (const chunk of stdout) {
      signal.throwIfAborted();
      if (leader !== undefined) onDecoding?.(leader);
      leader = undefined;
      onProgress?.();
      reader.read(chunk);
    }
  } finally {
    // Its error says why the output broke off.
    await done;
  }
  signal.throwIfAborted();
  return { loudness: report.loudness(), ...reader.end() };
}

/** Frames are logged below the level that is printed: ffmpeg 5.1 cannot leave them out. */
const EBUR128 = 'ebur128=peak=true:dualmono=true:framelog=verbose';

function graph({ format, streamIndex, timeline }: MeasureRequest): string {
  const layout = format.channels === 1 ? 'mono' : 'stereo';
  // As an encode cuts it: see `encode-range.ts`.
  const cut = `apad=pad_len=${PADDING_SAMPLES},atrim=end_sample=${format.samples}`;
  return [
    `[0:${streamIndex}]${timeline},${cut},asplit=2[loudness][audio]`,
    `[loudness]${EBUR128},anullsink`,
    // `aresample` mixes down. Without it the one before the split would, and loudness be that of what is left.
    `[audio]aresample,aformat=channel_layouts=${layout}[pcm]`,
  ].join(';');
}
