/** Reads the declared length of a file from its headers and its packets, without decoding. */
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
/** Seconds at the end of a file that are scanned for its last packet. */
const TAIL_SECONDS = 5;
/** Most output for a tail: lines of 40 bytes for 20,000 packets a second, as in PCM of very many channels. */
const MAX_TAIL_BYTES = 4 * 1024 * 1024;
/** Most output for each second of a whole file: 100 packets. AAC has 47 a second, AMR and Opus usually 50. */
const BYTES_PER_SECOND = 4000;
/** Output that is kept: only the last few packets declare padding. */
const KEPT_BYTES = 64 * 1024;

/** Containers whose time stamps are in milliseconds, or that do not give the length of the last packet. */
const INEXACT_CONTAINERS = new Set(['asf', 'matroska', 'avi', 'flv', 'mpeg', 'mpegts', 'amr', 'rm', 'tta']);
/**
 * Codecs with exact seeks, for containers that carry other codecs as well. A seek lands up to 0.8 s early in Ogg Speex and
 * two frames early in Ogg FLAC; in WAV with ADPCM, time stamps are off by a quarter after it.
 */
const EXACT_CODECS: Record<string, RegExp> = {
  ogg: /^(vorbis|opus)$/,
  wav: /^(pcm_.*|mp2|mp3|ac3|dts)$/,
  w64: /^pcm_/,
  aiff: /^pcm_/,
  au: /^pcm_/,
};
/**
 * Containers without a length in a header. ffprobe estimates it from the size and the bit rate: 3.5 % wrong for AAC, and by
 * any factor for MP3 of variable bit rate, so the estimate proves nothing. Their packets have no time stamps that could be
 * wrong; ffprobe counts the frames one by one.
 */
const GUESSED_CONTAINERS = new Set(['aac', 'ac3', 'dts', 'eac3', 'mp3']);

export interface DeclaredLength {
  /**
   * N from the tail of the file: the end of the last packet, less its declared padding, less the start time of the
   * container. ffprobe's duration is off by up to 2,395 samples for MP3. Null when packets do not give an exact length.
   */
  samples: number | null;
  /** Lengths in seconds by the headers of the stream and of the container; empty if they give none. */
  headerSeconds: number[];
}

export interface LengthRequest {
  file: ProbedFile;
  headers: Headers;
  stream: ProbedStream;
  /** Sample rate of the renditions in Hz. */
  sampleRate: number;
}

/** Resolves with the length of a stream by its packets and by its headers. */
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
 * Resolves with the end of the last packet, in seconds on the timeline of the container. Resolves with null if there is no
 * packet after `fromSeconds`, or more packets than audio of that length has.
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
  // ffprobe gives the length of an Ogg packet without its padding.
  const declaredPadding = container === 'ogg' ? 0 : padding / Number(stream.sample_rate);
  return (end * numerator) / denominator - declaredPadding;
}

/** Returns the end of the last packet, and the sum of the padding that packets declare: it may span two frames. */
function readPackets(lines: string): { end: number | null; padding: number } {
  let end: number | null = null;
  let padding = 0;
  for (const line of lines.split('\n')) {
    const packet = readPacket(line);
    if (!packet) continue;
    // If the last page has no time stamp, add up the lengths of its packets.
    const begin: number | null = packet.pts ?? end;
    if (begin !== null && packet.duration !== null) end = begin + packet.duration;
    padding += packet.discardPadding;
  }
  return { end, padding };
}

/** Parses a line such as `pts=578764800|duration=368640|side_data|discard_padding=1152`. */
function readPacket(line: string) {
  if (!line.startsWith('pts=')) return undefined;
  const field = (name: string) => {
    const value = new RegExp(`\\b${name}=(-?\\d+)`).exec(line)?.[1];
    return value === undefined ? null : Number(value);
  };
  const duration = field('duration');
  return {
    pts: field('pts'),
    // In an Ogg page that is shorter than its first packet, ffprobe prints the negative duration of the last packet
    // unsigned.
    duration: duration !== null && duration >= 2 ** 31 ? duration - 2 ** 32 : duration,
    discardPadding: field('discard_padding') ?? 0,
  };
}
