/** Reads the headers and the first packets of a file with ffprobe. */
import * as z from 'zod';
import { errors } from '../errors.ts';
import { INPUT_OPTIONS, indexOptions, inputUrl, openingOptions } from '../ffmpeg/input.ts';
import { runTool } from '../ffmpeg/tool-process.ts';
import type { Opening } from '../tracks/track.ts';
import { PrintedChapter } from './chapters.ts';
import { decodeTagBytes } from './legacy-text.ts';
import { PRINTED_NAMES } from './tags.ts';

/** Timeout of reading headers. It takes 0.1 s, and 0.3 s for a day of M4A. */
const HEADER_TIMEOUT_MS = 10_000;
/** Most output for headers. A hundred streams and some frames take 50 kB; the rest is for tags. */
const MAX_HEADER_BYTES = 4 * 1024 * 1024;
/** Most bytes of one text: more than the longest tag keeps. */
const MAX_TEXT_BYTES = 256 * 1024;
/** Packets to decode. In nearly every file at least one of them gives samples. */
const FIRST_PACKETS = 8;

/** A stored file to examine. */
export interface ProbedFile {
  executables: { ffprobe: string };
  /** Absolute path. */
  input: string;
  signal: AbortSignal;
  /** Longest audio that is accepted, in seconds. The memory limit of ffprobe depends on it. */
  maxDurationSeconds: number;
}

const PrintedTags = z.record(z.string(), z.string());

export const ProbedStream = z.object({
  index: z.int(),
  codec_type: z.string().optional(),
  codec_name: z.string().optional(),
  sample_rate: z.string().optional(),
  channels: z.int().optional(),
  time_base: z.string().default('1/1'),
  duration: z.string().optional(),
  bit_rate: z.string().optional(),
  /** Number of packets, if the container has an index. */
  nb_frames: z.string().optional(),
  /** Bits per sample of FLAC and the like; `0` if the codec does not give it. */
  bits_per_raw_sample: z.string().optional(),
  disposition: z.object({ default: z.int() }).optional(),
  tags: PrintedTags.optional(),
});
export type ProbedStream = z.infer<typeof ProbedStream>;

export const Headers = z.object({
  /** Audio streams. */
  streams: z.array(ProbedStream).default([]),
  /** Frames that the first packets decode to. */
  frames: z.array(z.object({ stream_index: z.int().optional(), nb_samples: z.int().optional() })).default([]),
  format: z.object({
    format_name: z.string(),
    start_time: z.string().optional(),
    duration: z.string().optional(),
    bit_rate: z.string().optional(),
    probe_score: z.int().default(0),
    tags: PrintedTags.optional(),
  }),
  chapters: z.array(PrintedChapter).default([]),
});
export type Headers = z.infer<typeof Headers>;

const SHOWN = [
  'format=format_name,start_time,duration,bit_rate,probe_score',
  'stream=index,codec_type,codec_name,sample_rate,channels,time_base,duration,bit_rate,nb_frames,bits_per_raw_sample',
  'stream_disposition=default',
  'frame=stream_index,nb_samples',
].join(':');

/** What is read beside the headers: costs nothing, for ffmpeg reads it all the same. */
const TAGS_SHOWN = [
  `format_tags=${PRINTED_NAMES}`,
  `stream_tags=${PRINTED_NAMES}`,
  'chapter=start_time,end_time',
  'chapter_tags=title',
].join(':');

/**
 * Reads the headers of a file with its tags and chapters, and decodes its first packets, in one process. Where the tags would
 * take megabytes the file counts as one without.
 *
 * @param opening how to open a file that ffprobe does not recognise.
 * @throws {AppError} 415 when ffprobe does not recognise the file, crashes, or takes longer than 10 s. The caller must rule
 *   out that ffprobe itself is broken: see `self-test.ts`.
 */
export async function readHeaders(file: ProbedFile, opening: Opening | null = null): Promise<Headers> {
  return (
    (await printedHeaders(file, opening, `${SHOWN}:${TAGS_SHOWN}`)) ?? (await headersAlone(file, opening))
  );
}

async function headersAlone(file: ProbedFile, opening: Opening | null): Promise<Headers> {
  const headers = await printedHeaders(file, opening, SHOWN);
  if (!headers) throw notRecognised(new Error('ffprobe printed too much'));
  return headers;
}

/** Resolves with undefined where ffprobe prints too much. */
async function printedHeaders(
  file: ProbedFile,
  opening: Opening | null,
  shown: string,
): Promise<Headers | undefined> {
  const args = probeArguments(file, [
    ...openingOptions(opening),
    // Text that is no UTF-8 is passed on: see `legacy-text.ts`.
    ...['-print_format', 'json=string_validation=ignore', '-select_streams', 'a'],
    ...['-read_intervals', `%+#${FIRST_PACKETS}`, '-show_entries', shown],
  ]);
  const { output, isOverflowing, ...end } = await runTool(file.executables.ffprobe, args, {
    signal: file.signal,
    timeoutMs: HEADER_TIMEOUT_MS,
    maxOutputBytes: MAX_HEADER_BYTES,
    encoding: 'latin1',
  });
  if (end.timedOut) throw errors.unreadableMedia(TOO_LONG, new Error('ffprobe took too long'));
  if (isOverflowing) return undefined;
  if (end.code !== 0) throw notRecognised(new Error(`ffprobe ended with ${end.code}: ${end.stderr}`));
  const headers = Headers.safeParse(parsedOrNull(output));
  if (!headers.success) throw notRecognised(headers.error);
  return headers.data;
}

function parsedOrNull(json: string): unknown {
  try {
    return JSON.parse(json, (_key, value) =>
      typeof value === 'string' ? decodeTagBytes(value, MAX_TEXT_BYTES) : value,
    );
  } catch {
    return null;
  }
}

/** Shortens the name of a demuxer. ffmpeg names one by all formats that it reads: `mov,mp4,m4a,3gp,3g2,mj2`. */
export function containerName(formatName: string): string {
  const known: Record<string, string> = { 'mov,mp4,m4a,3gp,3g2,mj2': 'mp4', 'matroska,webm': 'matroska' };
  return known[formatName] ?? formatName;
}

/** Returns the arguments of ffprobe to show parts of a stored file. */
export function probeArguments(file: ProbedFile, shown: readonly string[]): string[] {
  return [
    ...['-v', 'error', ...INPUT_OPTIONS, ...indexOptions(file.maxDurationSeconds)],
    ...[...shown, '-i', inputUrl(file.input)],
  ];
}

const TOO_LONG = `Reading the headers and tags of this file takes more than ${HEADER_TIMEOUT_MS / 1000} seconds. Remove its tags, or convert it, and send it again.`;

function notRecognised(cause: unknown) {
  return errors.unreadableMedia(
    'This is not an audio file that can be read. Send MP3, WAV, AAC, M4A, FLAC, Ogg, Opus, AIFF, WMA, WebM, or a video with sound.',
    cause,
  );
}
