/** What ffprobe says of a file's headers. */
import * as z from 'zod';
import { errors } from '../errors.ts';
import { INPUT_OPTIONS, inputUrl } from './input.ts';
import { startTool } from './tool-process.ts';

/** Reading headers takes 0.1 s. */
const HEADER_TIMEOUT_MS = 30_000;
const MAX_HEADER_OUTPUT_BYTES = 16 * 1024 * 1024;

export interface ProbeRequest {
  executables: { ffmpeg: string; ffprobe: string };
  /** Absolute path of a file of ours. */
  input: string;
  signal: AbortSignal;
  /** Longer audio is refused. */
  maxDurationSeconds: number;
  /** How large a copy may become; asked only where one is needed. */
  copyRoomBytes(): Promise<number>;
  /** Keeps what `write` makes at the path it is given. */
  makeSeekableCopy<T>(write: (path: string) => Promise<T>): Promise<T>;
}

export const ProbedStream = z.object({
  index: z.int(),
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  sample_rate: z.string().optional(),
  channels: z.int().optional(),
  time_base: z.string().default('1/1'),
  bit_rate: z.string().optional(),
  disposition: z.object({ default: z.int() }).optional(),
});
export type ProbedStream = z.infer<typeof ProbedStream>;

export const Headers = z.object({
  streams: z.array(ProbedStream).default([]),
  format: z.object({
    format_name: z.string(),
    start_time: z.string().optional(),
    duration: z.string().optional(),
    bit_rate: z.string().optional(),
  }),
});
export type Headers = z.infer<typeof Headers>;

/**
 * @throws {AppError} 415 when ffprobe does not recognise the file, or dies of it; 503 when it did not get to a verdict.
 *   Whether ffprobe works at all is for the caller to find out: see `self-test.ts`.
 */
export async function readHeaders(request: ProbeRequest): Promise<Headers> {
  const shown = ['-print_format', 'json', '-show_format', '-show_streams'];
  const { stdout, ended } = startTool(request.executables.ffprobe, probeArguments(request.input, shown), {
    signal: request.signal,
    timeoutMs: HEADER_TIMEOUT_MS,
  });
  let text = '';
  for await (const chunk of stdout) {
    if (text.length < MAX_HEADER_OUTPUT_BYTES) text += chunk.toString();
  }
  const end = await ended;
  request.signal.throwIfAborted();
  if (end.timedOut) throw errors.probeUnavailable(new Error('ffprobe took too long'));
  if (end.code !== 0) throw notRecognised(new Error(`ffprobe ended with ${end.code}: ${end.stderr}`));
  const headers = Headers.safeParse(parsedOrNull(text));
  if (!headers.success) throw notRecognised(headers.error);
  return headers.data;
}

function parsedOrNull(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** ffmpeg names a demuxer by all that it reads: `mov,mp4,m4a,3gp,3g2,mj2`. */
export function containerName(formatName: string): string {
  const known: Record<string, string> = { 'mov,mp4,m4a,3gp,3g2,mj2': 'mp4', 'matroska,webm': 'matroska' };
  return known[formatName] ?? formatName;
}

/** Arguments of ffprobe: what is to be shown of a file of ours. */
export function probeArguments(input: string, shown: readonly string[]): string[] {
  return ['-v', 'error', ...INPUT_OPTIONS, ...shown, '-i', inputUrl(input)];
}

function notRecognised(cause: unknown) {
  return errors.unsupportedMedia(
    'This is not an audio file that can be read. MP3, WAV, AAC, M4A, FLAC, Ogg, Opus, AIFF, WMA and WebM can, and the sound of most videos.',
    cause,
  );
}
