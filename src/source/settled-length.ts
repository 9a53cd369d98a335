/**
 * How long a file is, to the sample. What it says of itself is believed where its witnesses agree and its bytes can
 * hold it; where they do not, the decoder is asked, at the cost of decoding only.
 */
import { errors } from '../errors.ts';
import { countSamples } from './count-samples.ts';
import type { DeclaredLength } from './declared-length.ts';
import type { Decoding } from './decoding.ts';
import { endsAt, goesOn } from './source-end.ts';

/**
 * No codec that is read takes less for sound, in bits per second (AMR takes 4,750, Opus 6,000); only silence does. What
 * declares more time than its bytes hold at that rate is decoded first.
 */
const LOWEST_BIT_RATE = 4000;
/** Tags and pictures that may be in a file beside its sound, before its length is doubted. */
const MAX_EXTRA_BYTES = 1024 ** 2;

export interface LengthOptions {
  /** What the file says of itself. */
  declared: DeclaredLength;
  /** The sample at which it ends by decoding the last of it; null where that was not done. */
  end: number | null;
  decoding: Decoding;
  /** Of the file. */
  bytes: number;
  /** Bytes of a second of PCM, in a file that holds nothing but sound; null where there may be a video. */
  pcmBytesPerSecond: number | null;
  /** Two witnesses that differ by more than that disagree. */
  segmentSeconds: number;
  /** Decodes the file once to a copy that runs start from, and resolves with its samples. */
  makeCopy(options: { hasTimeline: boolean }): Promise<number>;
}

export interface SettledLength {
  /** N */
  samples: number;
  /** The copy that runs start from, for a file that cannot be sought in or whose time stamps lie. */
  copy: { hasTimeline: boolean } | null;
  /** What the file declares, where that is more than a segment from the truth, or cuts it. */
  declaredSeconds: number | null;
  /** Whether the end of the source was decoded. */
  isEndKnown: boolean;
}

/** @throws {AppError} 415 when the file is longer than is taken. */
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

/** Whether no header contradicts a length: one that agrees is enough, for a video may be longer than its sound. */
function isConfirmed(options: LengthOptions, samples: number, headers: readonly number[]): boolean {
  return headers.length === 0 || headers.some((header) => isNear(header, samples, slackOf(options)));
}

function isWithinLimits(options: LengthOptions, samples: number): boolean {
  const { maxDurationSeconds, sampleRate } = options.decoding;
  return samples <= maxDurationSeconds * sampleRate && fitsBytes(options, samples);
}

/** Whether a file of that size can have that length: it is no more than silence takes, and no less than PCM. */
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

/** @throws {AppError} 415 when more decodes than is taken. */
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

/** Lengths of one source by its witnesses, in samples. */
export interface Lengths {
  /** By time stamps. */
  samples: number;
  /** By headers. */
  headers: readonly number[];
  /** By the decoder, end to end. */
  decoded: number;
  /** Two lengths that differ by more than that disagree. */
  slack: number;
}

/**
 * Whether the time stamps of a source are true. By them it may be longer than what decodes, for what is lost becomes
 * silence; but not where a header agrees with the decoder, nor twice as long: keeping to them would make hours of
 * silence. Where it is shorter, keeping to them would drop sound.
 */
export function isTimelineTrue({ samples, headers, decoded, slack }: Lengths): boolean {
  if (isNear(samples, decoded, slack)) return true;
  if (headers.some((header) => isNear(header, decoded, slack))) return false;
  return samples > decoded && samples <= 2 * decoded + slack;
}

function isNear(one: number, other: number, slack: number): boolean {
  return Math.abs(one - other) <= slack;
}

export function tooLong(maxDurationSeconds: number) {
  return errors.unsupportedMedia(
    `The audio in this file is longer than ${maxDurationSeconds} seconds (MAX_DURATION_SECONDS).`,
  );
}
