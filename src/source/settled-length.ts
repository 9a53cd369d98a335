/**
 * Settles the length of a file, to the sample. The declared length holds if time stamps, headers and decoded end agree and
 * the file is large enough for it. Otherwise the file is decoded, which costs decoding only.
 */
import { errors } from '../errors.ts';
import { countSamples } from './count-samples.ts';
import type { DeclaredLength } from './declared-length.ts';
import type { Decoding } from './decoding.ts';
import { endsAt, goesOn } from './source-end.ts';

/**
 * Lowest bit rate of sound in bits per second (AMR has 4,750, Opus 6,000); only silence takes less. A file that declares
 * more time than its bytes contain at this rate is decoded first.
 */
const LOWEST_BIT_RATE = 4000;
/** Bytes of tags and pictures in a file beside its sound, up to which its length is not doubted. */
const MAX_EXTRA_BYTES = 1024 ** 2;

export interface LengthOptions {
  /** Length by the packets and headers of the file. */
  declared: DeclaredLength;
  /** Sample at which the source ends by decoding its end; null if that was not done. */
  end: number | null;
  decoding: Decoding;
  /** Size of the file. */
  bytes: number;
  /** Bytes of a second of PCM, for a file of sound alone; null if the file may contain video. */
  pcmBytesPerSecond: number | null;
  /** Two lengths that differ by more than a segment disagree. */
  segmentSeconds: number;
  /** Decodes the whole file to a copy that runs start from, and resolves with its samples. */
  makeCopy(options: { hasTimeline: boolean }): Promise<number>;
}

export interface SettledLength {
  /** N: length in samples. */
  samples: number;
  /** The copy that runs start from, for a file without exact seeks or with wrong time stamps; else null. */
  copy: { hasTimeline: boolean } | null;
  /** Declared length in seconds, if it is off by more than a segment or the audio goes on after it; else null. */
  declaredSeconds: number | null;
  /** True if the end of the source was decoded. */
  isEndKnown: boolean;
}

/** Resolves with the length, making a copy if necessary. @throws {AppError} 415 when it exceeds `MAX_DURATION_SECONDS`. */
export async function settledLength(options: LengthOptions): Promise<SettledLength> {
  const { declared, decoding, end } = options;
  const headers = declared.headerSeconds.map((seconds) => seconds * decoding.sampleRate);
  if (decoding.opening !== null) return fromCopy(options, { hasTimeline: false });
  if (declared.samples === null) {
    const copied = await fromCopy(options, { hasTimeline: true });
    const isTrue = fitsBytes(options, copied.samples) || (await agreesWithDecoder(options, copied.samples));
    return isTrue ? copied : fromCopy(options, { hasTimeline: false });
  }
  const isCut = end !== null && goesOn(declared.samples, end);
  const samples = isCut ? await countSamples(decoding, { hasTimeline: true }) : declared.samples;
  const isCertain = !isCut && isWithinLimits(options, samples) && isConfirmed(options, samples, headers);
  if (!isCertain && !(await agreesWithDecoder(options, samples, isCut ? [] : headers))) {
    return fromCopy(options, { hasTimeline: false });
  }
  const said = headers[0] ?? declared.samples;
  const isOff = isCut || !isNear(said, samples, slackOf(options));
  const declaredSeconds = isOff ? said / decoding.sampleRate : null;
  const isEndKnown = isCut || (end !== null && endsAt(samples, end));
  return { samples, copy: null, declaredSeconds, isEndKnown };
}

async function fromCopy(options: LengthOptions, copy: { hasTimeline: boolean }): Promise<SettledLength> {
  const samples = await options.makeCopy(copy);
  return { samples, copy, declaredSeconds: null, isEndKnown: true };
}

/** Returns whether the headers confirm a length. One that agrees is enough, for a video may be longer than its sound. */
function isConfirmed(options: LengthOptions, samples: number, headers: readonly number[]): boolean {
  return headers.length === 0 || headers.some((header) => isNear(header, samples, slackOf(options)));
}

function isWithinLimits(options: LengthOptions, samples: number): boolean {
  const { maxDurationSeconds, sampleRate } = options.decoding;
  return samples <= maxDurationSeconds * sampleRate && fitsBytes(options, samples);
}

/** Returns whether a file of this size can have this length: not longer than silence, and not shorter than PCM. */
function fitsBytes(options: LengthOptions, samples: number): boolean {
  const { bytes, pcmBytesPerSecond } = options;
  const seconds = samples / options.decoding.sampleRate;
  const isTooSmall = seconds * LOWEST_BIT_RATE > 8 * bytes;
  const isTooLarge = pcmBytesPerSecond !== null && bytes > seconds * pcmBytesPerSecond + MAX_EXTRA_BYTES;
  return !isTooSmall && !isTooLarge;
}

function slackOf({ decoding, segmentSeconds }: LengthOptions): number {
  return segmentSeconds * decoding.sampleRate;
}

/** Decodes the whole file and compares the length. @throws {AppError} 415 when it exceeds `MAX_DURATION_SECONDS`. */
async function agreesWithDecoder(
  options: LengthOptions,
  samples: number,
  headers: readonly number[] = [],
): Promise<boolean> {
  const { sampleRate, maxDurationSeconds } = options.decoding;
  const decoded = await countSamples(options.decoding, { hasTimeline: false });
  if (decoded > maxDurationSeconds * sampleRate) throw tooLong(maxDurationSeconds);
  return isTimelineTrue({ samples, headers, decoded, slack: slackOf(options) });
}

/** Lengths of one source in samples, by how they were found. */
export interface Lengths {
  /** By time stamps. */
  samples: number;
  /** By headers. */
  headers: readonly number[];
  /** By decoding from end to end, without time stamps. */
  decoded: number;
  /** Two lengths that differ by more than this disagree. */
  slack: number;
}

/**
 * Returns whether the time stamps of a source are right. They may give more than the decoder does, for silence replaces
 * lost audio. But they are wrong if a header agrees with the decoder, or if they give more than twice as much: following
 * them would insert hours of silence. They are also wrong if they give less: following them would drop sound.
 */
export function isTimelineTrue({ samples, headers, decoded, slack }: Lengths): boolean {
  if (isNear(samples, decoded, slack)) return true;
  if (headers.some((header) => isNear(header, decoded, slack))) return false;
  return samples > decoded && samples <= 2 * decoded + slack;
}

function isNear(one: number, other: number, slack: number): boolean {
  return Math.abs(one - other) <= slack;
}

/** Makes the error for audio above `MAX_DURATION_SECONDS`. */
export function tooLong(maxDurationSeconds: number) {
  return errors.unsupportedMedia(
    `The audio in this file is longer than the ${maxDurationSeconds} seconds that this server accepts (MAX_DURATION_SECONDS).`,
  );
}
