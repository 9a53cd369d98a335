/**
 * Examines an upload: its format, its exact length, or the reason why it is no audio. Looks at the content only, never at
 * the name.
 */
import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import { outputChannels, outputSampleRate } from '../presentation/ladder.ts';
import type { Chapter, Tags } from '../tracks/facts.ts';
import type { Source, SourceCopy } from '../tracks/track.ts';
import type { Beginning, Proven } from './beginning.ts';
import { chaptersOf } from './chapters.ts';
import { type DeclaredLength, declaredLength } from './declared-length.ts';
import type { Decoding } from './decoding.ts';
import { containerName, type ProbedFile } from './ffprobe.ts';
import { assertOneSample, nothingDecodes } from './first-sample.ts';
import { type Recognised, recognise } from './recognise.ts';
import { settledLength, tooLong } from './settled-length.ts';
import { sideBySide } from './side-by-side.ts';
import { decodedEnd } from './source-end.ts';
import { tagsOf } from './tags.ts';
import { assertFewComments } from './vorbis-comments.ts';

/** Packets from which on ffmpeg and ffprobe take turns: their index takes 25 MB in each. */
const MANY_PACKETS = 1_000_000;
/**
 * Up to this size ffmpeg reaches the end at once, also in formats that it must read through. The ends of larger files are
 * decoded beside their encode: see `end-check.ts`.
 */
const SMALL_FILE_BYTES = 16 * 1024 ** 2;
/** Containers of sound alone, apart from pictures. */
const AUDIO_ONLY = new Set(['aac', 'aiff', 'flac', 'mp3', 'wav']);
const MAX_SAMPLE_BITS = 64;
const NO_LENGTH: DeclaredLength = { samples: null, headerSeconds: [] };

export interface ProbeRequest extends ProbedFile {
  /** Returns what an early encode has shown of the file so far. That is not looked at again. */
  proven?: () => Proven | undefined;
  executables: { ffmpeg: string; ffprobe: string };
  /** Size of the file. */
  bytes: number;
  segmentSeconds: number;
  /** Decodes the whole file to a copy with exact seeks, and resolves with its samples. */
  makeCopy(decoding: Decoding, options: CopyOptions): Promise<number>;
}

export interface CopyOptions {
  /** True to follow the time stamps of the source: silence then replaces lost audio. */
  hasTimeline: boolean;
  /** Length by the headers in seconds; null if they give none. */
  declaredSeconds: number | null;
}

/** Everything that the pipeline needs to know about a file before it encodes. */
export interface Probed {
  source: Omit<Source, 'bytes' | 'sha256'>;
  streamIndex: number;
  /** Sample rate of the renditions in Hz. */
  sampleRate: number;
  channels: 1 | 2;
  /** N: length in samples at `sampleRate`. */
  samples: number;
  /** True if the end of the source was decoded. If not, the source may go on after N. */
  isEndKnown: boolean;
  /** Declared length in seconds, if it is off by more than a segment or the audio goes on after it; else null. */
  declaredSeconds: number | null;
  /** The copy that was made of a file without exact seeks or with wrong time stamps; else null. */
  copy: SourceCopy | null;
  tags: Tags;
  chapters: Chapter[];
}

/**
 * Examines a file.
 *
 * @throws {AppError} 415 with the reason when the file is no audio, is too long, or has no decodable sample.
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
    declared,
    end,
    decoding,
    bytes,
    segmentSeconds,
    pcmBytesPerSecond: pcmBytesPerSecond(found),
    makeCopy: ({ hasTimeline }) => request.makeCopy(decoding, { hasTimeline, declaredSeconds }),
  }).catch((error: unknown) => {
    request.signal.throwIfAborted();
    throw error instanceof FfmpegError ? nothingDecodes(error) : error;
  });
  if (length.samples > maxDurationSeconds * sampleRate) throw tooLong(maxDurationSeconds);
  // A file that declares all of its samples as padding keeps one: it does decode.
  const samples = Math.max(1, length.samples);
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
    samples,
    isEndKnown: length.isEndKnown,
    declaredSeconds: length.declaredSeconds,
    copy: length.copy && { ...length.copy, opening },
    tags: tagsOf(headers.format.tags ?? {}, stream.tags ?? {}, containerName(headers.format.format_name)),
    chapters: chaptersOf(headers.chapters, samples / sampleRate),
  };
}

function decodingOf(request: ProbeRequest, { stream, opening }: Recognised): Decoding {
  return {
    executable: request.executables.ffmpeg,
    input: request.input,
    opening,
    signal: request.signal,
    channels: outputChannels(stream.channels ?? 0),
    streamIndex: stream.index,
    sampleRate: outputSampleRate(Number(stream.sample_rate)),
    maxDurationSeconds: request.maxDurationSeconds,
  };
}

/**
 * Resolves with the decoded end of a file and with its declared length. ffmpeg and ffprobe run side by side, or one after
 * the other if each would load a large index into memory.
 */
async function examineEnds(request: ProbeRequest, found: Recognised, decoding: Decoding) {
  const { sampleRate } = decoding;
  const headerSeconds = Number(found.stream.duration ?? found.headers.format.duration) || 0;
  const proven = () => {
    const early = request.proven?.();
    return early && isOf(early.beginning, found, decoding) ? early : undefined;
  };
  const decode = async (signal: AbortSignal): Promise<number | null> => {
    const early = proven();
    const isSmall = found.opening === null && request.bytes <= SMALL_FILE_BYTES;
    if (early && (early.endSamples !== null || !isSmall)) return null;
    const end = isSmall ? await endOrNull({ ...decoding, signal }, headerSeconds * sampleRate) : null;
    if (end === null && !early) await assertOneSample({ ...decoding, signal });
    return end;
  };
  const read = async (signal: AbortSignal): Promise<DeclaredLength> =>
    // A file that ffmpeg does not recognise, or a FLAC without its header, has no usable time stamps.
    found.opening ? NO_LENGTH : declaredLength({ ...found, file: { ...request, signal }, sampleRate });
  const [end, declared] =
    Number(found.stream.nb_frames ?? 0) <= MANY_PACKETS
      ? await sideBySide(request.signal, decode, read)
      : [await decode(request.signal), await read(request.signal)];
  // The end that was decoded from the whole file counts more than one that was decoded while the file arrived.
  return { end: end ?? proven()?.endSamples ?? null, declared };
}

/** Returns whether a file still seems to be what its beginning seemed to be. */
function isOf(beginning: Beginning, { opening }: Recognised, decoding: Decoding): boolean {
  return (
    opening === null &&
    beginning.streamIndex === decoding.streamIndex &&
    beginning.sampleRate === decoding.sampleRate &&
    beginning.channels === decoding.channels
  );
}

function pcmBytesPerSecond({ headers, stream }: Recognised): number | null {
  if (!AUDIO_ONLY.has(containerName(headers.format.format_name))) return null;
  const sampleBytes = Math.ceil((Number(stream.bits_per_raw_sample) || MAX_SAMPLE_BITS) / 8);
  return Number(stream.sample_rate) * (stream.channels ?? 0) * sampleBytes;
}

/** Resolves with the decoded end, or with null if nothing decodes near the end that the headers give. */
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
