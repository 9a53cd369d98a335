/** How long a file is by what it says of itself: its headers, and its own packets. */

import { runTool } from '../ffmpeg/tool-process.ts';
import {
  containerName,
  type Headers,
  type ProbedFile,
  type ProbedStream,
  probeArguments,
} from './ffprobe.ts';
import { mp3HeaderLength } from './mp3-header.ts';
import { isChainedOgg } from './ogg.ts';

/** A packet scan takes 0.4 s for an hour of MP3. */
const PACKETS_TIMEOUT_MS = 120_000;
/** How much of the end of a file is read to find where its last packet ends. */
const TAIL_SECONDS = 5;
/** Lines of 40 bytes for 20,000 packets a second: PCM of very many channels. More than that is no tail. */
const MAX_TAIL_BYTES = 4 * 1024 * 1024;
/** The same for 100 packets a second of the longest audio: AAC has 47, AMR and Opus 50 as a rule. */
const BYTES_PER_SECOND = 4000;
/** The lines that count: padding is declared by the last few packets. */
const KEPT_BYTES = 64 * 1024;

/** Containers whose time stamps are milliseconds, or say nothing of the last packet's length. */
const INEXACT_CONTAINERS = new Set(['asf', 'matroska', 'avi', 'flv', 'mpeg', 'mpegts', 'amr', 'rm', 'tta']);
/**
 * Codecs that seeks are exact for, in containers that hold others as well. A seek lands up to 0.8 s early in Ogg Speex, two
 * frames early in Ogg FLAC, and in WAV with ADPCM time stamps are a quarter off after it.
 */
const EXACT_CODECS: Record<string, RegExp> = {
  ogg: /^(vorbis|opus)$/,
  wav: /^(pcm_.*|mp2|mp3|ac3|dts)$/,
  w64: /^pcm_/,
  aiff: /^pcm_/,
  au: /^pcm_/,
};
/**
 * Containers without a header that tells a length. ffprobe guesses it from the size and the bit rate, 3.5 % wrong for AAC and
 * by any factor for MP3 of variable bit rate: no witness. Their packets have no time stamps that could lie; ffprobe
 * counts the frames one by one.
 */
const GUESSED_CONTAINERS = new Set(['aac', 'ac3', 'dts', 'eac3', 'mp3']);

export interface DeclaredLength {
  /**
   * N from the tail of the file: where the last packet ends, less what it declares as padding, less where the container
   * starts. ffprobe's duration is off by up to 2,395 samples for MP3. Null when packets cannot tell.
   */
  samples: number | null;
  /** Seconds, by the headers of the stream and of the container; empty where they do not tell. */
  headerSeconds: number[];
}

export interface LengthRequest {
  file: ProbedFile;
  headers: Headers;
  stream: ProbedStream;
  /** Hz, of the renditions. */
  sampleRate: number;
}

export async function declaredLength(request: LengthRequest): Promise<DeclaredLength> {
  const { headers, stream } = request;
  const isGuessed = GUESSED_CONTAINERS.has(containerName(headers.format.format_name));
  const headerSeconds = [stream.duration, headers.format.duration].map(Number).filter((value) => value > 0);
  return { samples: await packetSamples(request), headerSeconds: isGuessed ? [] : headerSeconds };
}

async function packetSamples({ file, headers, stream, sampleRate }: LengthRequest): Promise<number | null> {
  const container = containerName(headers.format.format_name);
  const hasExactSeeks =
    !INEXACT_CONTAINERS.has(container) && EXACT_CODECS[container]?.test(stream.codec_name ?? '') !== false;
  if (!hasExactSeeks) return null;
  if (container === 'ogg' && (await isChainedOgg(file.input, file.signal))) return null;
  const start = Number(headers.format.start_time ?? 0) || 0;
  const duration = Number(headers.format.duration ?? 0) || 0;
  const tailStart = Math.max(0, start + duration - TAIL_SECONDS);
  const end =
    (container === 'mp3' ? await xingEnd(file, stream) : null) ??
    (await lastPacketEnd(file, { stream, container, fromSeconds: tailStart })) ??
    (tailStart > 0 ? await lastPacketEnd(file, { stream, container, fromSeconds: 0 }) : null);
  if (end === null) return null;
  const samples = Math.round((end - start) * sampleRate);
  return samples >= 1 ? samples : null;
}

async function xingEnd({ input }: ProbedFile, stream: ProbedStream): Promise<number | null> {
  const length = await mp3HeaderLength(input);
  return length && (length.samples - length.padding) / Number(stream.sample_rate);
}

/**
 * @returns seconds on the container's time line, or null where there is no packet after `fromSeconds`, or so many that
 *   they are no audio of that length.
 */
async function lastPacketEnd(
  file: ProbedFile,
  at: { stream: ProbedStream; container: string; fromSeconds: number },
): Promise<number | null> {
  const { stream, container, fromSeconds } = at;
  const shown = [
    ...['-select_streams', String(stream.index), '-read_intervals', `${fromSeconds.toFixed(6)}%`],
    ...['-show_entries', 'packet=pts,duration:packet_side_data=discard_padding'],
    ...['-print_format', 'compact=print_section=0'],
  ];
  const seconds = fromSeconds === 0 ? file.maxDurationSeconds : 0;
  const { output, timedOut, isOverflowing } = await runTool(
    file.executables.ffprobe,
    probeArguments(file, shown),
    {
      signal: file.signal,
      timeoutMs: PACKETS_TIMEOUT_MS,
      maxOutputBytes: MAX_TAIL_BYTES + seconds * BYTES_PER_SECOND,
      keptBytes: KEPT_BYTES,
    },
  );
  if (timedOut || isOverflowing) return null;
  const { end, padding } = readPackets(output);
  if (end === null) return null;
  const [numerator = 1, denominator = 1] = stream.time_base.split('/').map(Number);
  // The length of an Ogg packet is given without its padding already.
  const declaredPadding = container === 'ogg' ? 0 : padding / Number(stream.sample_rate);
  return (end * numerator) / denominator - declaredPadding;
}

/** Where the last packet ends, and what all packets up to the end declare as padding: it may span two frames. */
function readPackets(lines: string): { end: number | null; padding: number } {
  let end: number | null = null;
  let padding = 0;
  for (const line of lines.split('\n')) {
    const packet = readPacket(line);
    if (!packet) continue;
    // Where the last page has no time stamp, lengths are counted on.
    const begin: number | null = packet.pts ?? end;
    if (begin !== null && packet.duration !== null) end = begin + packet.duration;
    padding += packet.discardPadding;
  }
  return { end, padding };
}

/** A line such as `pts=578764800|duration=368640|side_data|discard_padding=1152`. */
function readPacket(line: string) {
  if (!line.startsWith('pts=')) return undefined;
  const field = (name: string) => {
    const value = new RegExp(`\\b${name}=(-?\\d+)`).exec(line)?.[1];
    return value === undefined ? null : Number(value);
  };
  const duration = field('duration');
  return {
    pts: field('pts'),
    // Of an Ogg page that is shorter than its first packet the last one gets a negative duration, printed unsigned.
    duration: duration !== null && duration >= 2 ** 31 ? duration - 2 ** 32 : duration,
    discardPadding: field('discard_padding') ?? 0,
  };
}
