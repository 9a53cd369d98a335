/** Decides which renditions a track gets, and their sample rate and channels. Pure. */
import { createHash } from 'node:crypto';
import type { Rendition } from '../tracks/track.ts';

/** One configured rendition of `AUDIO_LADDER`, before it is applied to a track. */
export interface LadderEntry {
  codec: 'aac';
  /** Bits per second. */
  bitRate: number;
}

const ALLOWED =
  'renditions such as aac@64k,aac@128k, separated by commas, each between aac@8k and aac@512k and none twice';

/**
 * Reads the `AUDIO_LADDER` setting.
 *
 * @returns the entries, the lowest bit rate first.
 * @throws {Error} with a message that says what is allowed.
 */
export function parseLadder(setting: string): LadderEntry[] {
  const ladder = setting.split(',').map((entry) => parseEntry(entry.trim()));
  ladder.sort((a, b) => a.bitRate - b.bitRate);
  if (ladder.some(({ bitRate }, at) => bitRate === ladder[at - 1]?.bitRate)) throw new Error(ALLOWED);
  return ladder;
}

function parseEntry(text: string): LadderEntry {
  const match = /^aac@(\d{1,3})k$/.exec(text);
  const bitRate = Number(match?.[1]) * 1000;
  if (!match || bitRate < 8000 || bitRate > 512_000) throw new Error(ALLOWED);
  return { codec: 'aac', bitRate };
}

/** Bit rate that listeners get first, if the ladder has it. */
const MAIN_BIT_RATE = 128_000;

/** Returns the rendition of 128 kbit/s, or else the nearest. It is encoded first and comes first in playlists. */
export function mainRendition<T extends { bitRate: number }>(renditions: readonly T[]): T {
  const distance = ({ bitRate }: T) => Math.abs(bitRate - MAIN_BIT_RATE);
  return renditions.reduce((nearest, one) => (distance(one) < distance(nearest) ? one : nearest));
}

/** A frame of 1,024 samples has at most 6,144 bits per channel (14496-3 clause 4.5.3.1). */
const MAX_BITS_PER_SAMPLE = 6;

/**
 * Returns the ladder for one source, skipping bit rates that the source does not justify: those that AAC cannot fill at
 * this sample rate, and for a lossy source those above its own bit rate, except the main one. Returns at least one entry.
 *
 * @param source codec as ffmpeg names it, and bits per second.
 * @param encode sample rate in Hz and channels of the renditions.
 */
export function ladderFor(
  ladder: readonly LadderEntry[],
  source: { codec: string; bitRate: number },
  encode: { sampleRate: number; channels: number },
): LadderEntry[] {
  const most = MAX_BITS_PER_SAMPLE * encode.sampleRate * encode.channels;
  const fillable = ladder.filter(({ bitRate }) => bitRate <= most);
  if (fillable.length === 0) return ladder.slice(0, 1);
  if (isLossless(source.codec)) return fillable;
  const main = mainRendition(fillable);
  return fillable.filter((entry) => entry === main || entry.bitRate <= source.bitRate);
}

const LOSSLESS = /^(pcm_.*|flac|alac|wavpack|tta|ape|mlp|truehd|mp4als|shorten|tak|wmalossless)$/;

function isLossless(codec: string): boolean {
  return LOSSLESS.test(codec);
}

/** Sample rates of AAC-LC in Hz, ascending (14496-3 table 1.18), up to the highest rate of any encode here. */
const AAC_RATES = [7350, 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] as const;

/**
 * Returns the sample rate of the encode in Hz: that of the source if AAC has it, or else the next higher AAC rate. A
 * source above 48 kHz gets 44.1 kHz if that divides its rate (88.2 kHz), and 48 kHz otherwise.
 */
export function outputSampleRate(sourceRate: number): number {
  if (sourceRate > 48_000) return sourceRate % 44_100 === 0 ? 44_100 : 48_000;
  return AAC_RATES.find((rate) => rate >= sourceRate) ?? 48_000;
}

/** Returns the channels of the encode: mono stays mono, and everything else is mixed to stereo. */
export function outputChannels(sourceChannels: number): 1 | 2 {
  return sourceChannels === 1 ? 1 : 2;
}

/** Estimated peak over the nominal bit rate, boxes included, published until the peak is measured (5 % seen in music). */
const USUAL_PEAK = 1.1;

/** Everything that shapes the bytes of an encode. Only segments of equal shapes get equal names. */
export interface EncodeShape {
  /**
   * Name of the upload. Encoding the same source again need not give the same segments: a run that starts elsewhere warms
   * the encoder up differently. Null for tracks recorded before uploads had names.
   */
  uploadId: string | null;
  sha256: string;
  sampleRate: number;
  channels: number;
  segmentFrames: number;
  ffmpegVersion: string;
}

/** Returns the id of a rendition: `aac-128k`. */
export function renditionId({ codec, bitRate }: LadderEntry): string {
  return `${codec}-${bitRate / 1000}k`;
}

/** Returns the renditions of a new track, with names, encode hashes and estimated bit rates. */
export function renditionsOf(ladder: readonly LadderEntry[], shape: EncodeShape): Rendition[] {
  return ladder.map((entry) => ({
    id: renditionId(entry),
    codec: entry.codec,
    codecs: 'mp4a.40.2',
    bitRate: entry.bitRate,
    bandwidth: Math.ceil(entry.bitRate * USUAL_PEAK),
    averageBandwidth: null,
    key: encodeHash(entry, shape),
  }));
}

/**
 * Returns the hash that segment names carry: eight hexadecimal digits. Eight suffice, for only encodes of one file name
 * can collide.
 */
export function encodeHash(entry: LadderEntry, shape: EncodeShape): string {
  const parts = [
    shape.sha256,
    entry.codec,
    entry.bitRate,
    shape.sampleRate,
    shape.channels,
    shape.segmentFrames,
    shape.ffmpegVersion,
    ...(shape.uploadId === null ? [] : [shape.uploadId]),
  ];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8);
}
