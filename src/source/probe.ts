/**
 * What a file is, and how long exactly: read from its content, never from its name. Also decides that a file is no audio
 * at all.
 */

import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import { outputChannels, outputSampleRate } from '../presentation/ladder.ts';
import type { Source, SourceCopy } from '../tracks/track.ts';
import { type DeclaredLength, declaredLength } from './declared-length.ts';
import type { Decoding } from './decoding.ts';
import { containerName, type ProbedFile } from './ffprobe.ts';
import { assertOneSample, nothingDecodes } from './first-sample.ts';
import { type Recognised, recognise } from './recognise.ts';
import { settledLength, tooLong } from './settled-length.ts';
import { sideBySide } from './side-by-side.ts';
import { decodedEnd } from './source-end.ts';
import { assertFewComments } from './vorbis-comments.ts';

/** Packets whose index takes 25 MB. */
const MANY_PACKETS = 1_000_000;
/**
 * So far ffmpeg seeks to the end at once, also in formats that it has to read through for it. The ends of larger files are
 * decoded beside their encode: see `end-check.ts`.
 */
const SMALL_FILE_BYTES = 16 * 1024 ** 2;
/** Containers that hold nothing but sound, and pictures. */
const AUDIO_ONLY = new Set(['aac', 'aiff', 'flac', 'mp3', 'wav']);
const MAX_SAMPLE_BITS = 64;
const NO_LENGTH: DeclaredLength = { samples: null, headerSeconds: [] };

export interface ProbeRequest extends ProbedFile {
  executables: { ffmpeg: string; ffprobe: string };
  /** Of the file. */
  bytes: number;
  segmentSeconds: number;
  /** Decodes the file once to a copy that can be sought in, and resolves with its samples. */
  makeCopy(decoding: Decoding, options: CopyOptions): Promise<number>;
}

export interface CopyOptions {
  hasTimeline: boolean;
  /** By the headers; null where they do not tell. */
  declaredSeconds: number | null;
}

/** Everything the pipeline needs to know before it encodes. */
export interface Probed {
  source: Omit<Source, 'bytes' | 'sha256'>;
  streamIndex: number;
  /** Hz, of the renditions. */
  sampleRate: number;
  channels: 1 | 2;
  /** N, at `sampleRate`. */
  samples: number;
  /** Whether the end of the source was decoded; where it was not, it may go on after N. */
  isEndKnown: boolean;
  /** What the file declares, where that is more than a segment from the truth, or cuts it. */
  declaredSeconds: number | null;
  /** The copy that was made, for a file that cannot be sought in to the sample, or whose time stamps lie. */
  copy: SourceCopy | null;
}

/**
 * @throws {AppError} 415 with the reason in plain words when the file is no audio or holds not one decodable sample.
 */
export async function probe(request: ProbeRequest): Promise<Probed> {
  const { maxDurationSeconds, bytes, segmentSeconds } = request;
  await assertFewComments(request.input);
  const found = await recognise(request);
  const { headers, stream, opening } = found;
  const decoding = decodingOf(request, found);
  const { sampleRate } = decoding;
  const { end, declared } = await examineEnds(request, found, decoding);
  const declaredSeconds = Number(stream.duration ?? headers.format.duration) || null;
  const length = await settledLength({
    ...{ declared, end, decoding, bytes, segmentSeconds, pcmBytesPerSecond: pcmBytesPerSecond(found) },
    makeCopy: ({ hasTimeline }) => request.makeCopy(decoding, { hasTimeline, declaredSeconds }),
  }).catch((error: unknown) => {
    request.signal.throwIfAborted();
    throw error instanceof FfmpegError ? nothingDecodes(error) : error;
  });
  if (length.samples > maxDurationSeconds * sampleRate) throw tooLong(maxDurationSeconds);
  return {
    source: {
      container: containerName(headers.format.format_name),
      codec: stream.codec_name ?? 'unknown',
      bitRate: wholeOrNull(stream.bit_rate) ?? (opening ? null : wholeOrNull(headers.format.bit_rate)),
      sampleRate: Number(stream.sample_rate),
      channels: stream.channels ?? 0,
    },
    streamIndex: stream.index,
    sampleRate,
    channels: outputChannels(stream.channels ?? 0),
    // Where padding is declared for all that there is, one sample of silence remains: it does decode.
    samples: Math.max(1, length.samples),
    isEndKnown: length.isEndKnown,
    declaredSeconds: length.declaredSeconds,
    copy: length.copy && { ...length.copy, opening },
  };
}

function decodingOf(request: ProbeRequest, { stream, opening }: Recognised): Decoding {
  return {
    ...{ executable: request.executables.ffmpeg, input: request.input, opening, signal: request.signal },
    channels: outputChannels(stream.channels ?? 0),
    streamIndex: stream.index,
    sampleRate: outputSampleRate(Number(stream.sample_rate)),
    maxDurationSeconds: request.maxDurationSeconds,
  };
}

/**
 * What decodes at the end of a file, and what the file says of its length. ffmpeg and ffprobe work side by side, or one after
 * the other where each would take a large index into memory.
 */
async function examineEnds(request: ProbeRequest, found: Recognised, decoding: Decoding) {
  const { sampleRate } = decoding;
  const headerSeconds = Number(found.stream.duration ?? found.headers.format.duration) || 0;
  const decode = async (signal: AbortSignal): Promise<number | null> => {
    const isSmall = found.opening === null && request.bytes <= SMALL_FILE_BYTES;
    const end = isSmall ? await endOrNull({ ...decoding, signal }, headerSeconds * sampleRate) : null;
    if (end === null) await assertOneSample({ ...decoding, signal });
    return end;
  };
  const read = async (signal: AbortSignal): Promise<DeclaredLength> =>
    // What ffmpeg does not recognise, or a FLAC without its header, has no time stamps to go by.
    found.opening ? NO_LENGTH : declaredLength({ ...found, file: { ...request, signal }, sampleRate });
  const [end, declared] =
    Number(found.stream.nb_frames ?? 0) <= MANY_PACKETS
      ? await sideBySide(request.signal, decode, read)
      : [await decode(request.signal), await read(request.signal)];
  return { end, declared };
}

function pcmBytesPerSecond({ headers, stream }: Recognised): number | null {
  if (!AUDIO_ONLY.has(containerName(headers.format.format_name))) return null;
  const sampleBytes = Math.ceil((Number(stream.bits_per_raw_sample) || MAX_SAMPLE_BITS) / 8);
  return Number(stream.sample_rate) * (stream.channels ?? 0) * sampleBytes;
}

/** Null where nothing decodes at what the headers say is the end. */
async function endOrNull(decoding: Decoding, near: number): Promise<number | null> {
  return decodedEnd(decoding, near).catch((error: unknown) => {
    if (error instanceof FfmpegError) return null;
    throw error;
  });
}

function wholeOrNull(value: string | undefined): number | null {
  const number = Number(value);
  return Number.isSafeInteger(number) && number > 0 ? number : null;
}
