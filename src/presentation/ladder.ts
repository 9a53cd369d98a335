/** Which renditions a track gets, and at which rate and channel count. Pure. */
import { createHash } from 'node:crypto';
import type { Rendition } from '../tracks/track.ts';

/** A rung that the operator asked for. */
export interface Rung {
  codec: 'aac';
  /** Bits per second. */
  bitRate: number;
}

const ALLOWED = 'rungs such as aac@64k,aac@128k, each between aac@8k and aac@512k and none twice';

/**
 * Reads the `AUDIO_LADDER` setting.
 *
 * @returns the rungs, the lowest bit rate first.
 * @throws {Error} whose message says what is allowed.
 */
export function parseLadder(setting: string): Rung[] {
  const ladder = setting.split(',').map((rung) => parseRung(rung.trim()));
  ladder.sort((a, b) => a.bitRate - b.bitRate);
  if (ladder.some(({ bitRate }, at) => bitRate === ladder[at - 1]?.bitRate)) throw new Error(ALLOWED);
  return ladder;
}

function parseRung(text: string): Rung {
  const match = /^aac@(\d{1,3})k$/.exec(text);
  const bitRate = Number(match?.[1]) * 1000;
  if (!match || bitRate < 8000 || bitRate > 512_000) throw new Error(ALLOWED);
  return { codec: 'aac', bitRate };
}

/** The bit rate that listeners get first, where the ladder has it. */
const MAIN_BIT_RATE = 128_000;

/** The rung of 128 kbit/s, else the nearest one: encoded first, and first in playlists. */
export function mainRung<T extends { bitRate: number }>(rungs: readonly T[]): T {
  const distance = ({ bitRate }: T) => Math.abs(bitRate - MAIN_BIT_RATE);
  return rungs.reduce((nearest, rung) => (distance(rung) < distance(nearest) ? rung : nearest));
}

/** AAC has 6,144 bits for a frame of 1,024 samples of one channel at the most (14496-3 clause 4.5.3.1). */
const MAX_BITS_PER_SAMPLE = 6;

/**
 * The rungs that a source is worth: none that AAC cannot fill, and of a lossy source none above its own bit rate, but
 * for the main one. At least one.
 *
 * @param source its codec as ffmpeg calls it, and its bits per second.
 * @param encode Hz and channels of the renditions.
 */
export function rungsFor(
  ladder: readonly Rung[],
  source: { codec: string; bitRate: number },
  encode: { sampleRate: number; channels: number },
): Rung[] {
  const most = MAX_BITS_PER_SAMPLE * encode.sampleRate * encode.channels;
  const fillable = ladder.filter(({ bitRate }) => bitRate <= most);
  if (fillable.length === 0) return ladder.slice(0, 1);
  if (isLossless(source.codec)) return fillable;
  const main = mainRung(fillable);
  return fillable.filter((rung) => rung === main || rung.bitRate <= source.bitRate);
}

const LOSSLESS = /^(pcm_.*|flac|alac|wavpack|tta|ape|mlp|truehd|mp4als|shorten|tak|wmalossless)$/;

function isLossless(codec: string): boolean {
  return LOSSLESS.test(codec);
}

/** Sampling rates of AAC-LC up to the 48 kHz that is ever encoded here, ascending (14496-3 table 1.18). */
const AAC_RATES = [7350, 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] as const;

/**
 * The rate that a source is encoded at, in Hz: its own where AAC knows it, the next one up where it does not, and for
 * what lies above 48 kHz the one that divides it (88.2 kHz comes down to 44.1).
 */
export function outputSampleRate(sourceRate: number): number {
  if (sourceRate > 48_000) return sourceRate % 44_100 === 0 ? 44_100 : 48_000;
  return AAC_RATES.find((rate) => rate >= sourceRate) ?? 48_000;
}

/** Mono stays mono; everything else is mixed to stereo. */
export function outputChannels(sourceChannels: number): 1 | 2 {
  return sourceChannels === 1 ? 1 : 2;
}

/** What a segment of music needs at the most over the bit rate, boxes included (5 % seen): told until it is measured. */
const USUAL_PEAK = 1.1;

/** What shapes the bytes of an encode. Only segments of equal shapes have equal names. */
export interface EncodeShape {
  /**
   * The same bytes encoded again need not give the same segments: a run that starts elsewhere warms the encoder up
   * otherwise. Null for tracks from before it was counted.
   */
  uploadId: string | null;
  sha256: string;
  sampleRate: number;
  channels: number;
  segmentFrames: number;
  ffmpegVersion: string;
}

/** The renditions of a track, named and keyed. */
export function renditionsOf(rungs: readonly Rung[], shape: EncodeShape): Rendition[] {
  return rungs.map((rung) => ({
    id: `${rung.codec}-${rung.bitRate / 1000}k`,
    codec: rung.codec,
    codecs: 'mp4a.40.2',
    bitRate: rung.bitRate,
    bandwidth: Math.ceil(rung.bitRate * USUAL_PEAK),
    averageBandwidth: null,
    key: renditionKey(rung, shape),
  }));
}

/** Eight hexadecimal digits: enough, for only encodes under one file name could ever be mistaken for each other. */
export function renditionKey(rung: Rung, shape: EncodeShape): string {
  const parts = [
    shape.sha256,
    rung.codec,
    rung.bitRate,
    shape.sampleRate,
    shape.channels,
    shape.segmentFrames,
    shape.ffmpegVersion,
    ...(shape.uploadId === null ? [] : [shape.uploadId]),
  ];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8);
}
