/** Which renditions a track gets, and at which rate and channel count. Pure. */
import { createHash } from 'node:crypto';
import type { Rendition } from '../tracks/track.ts';

/** A rung that the operator asked for. */
export interface Rung {
  codec: 'aac';
  /** Bits per second. */
  bitRate: number;
}

const ALLOWED = 'one rung such as aac@128k, between aac@8k and aac@512k';

/**
 * Reads the `AUDIO_LADDER` setting.
 *
 * @throws {Error} whose message says what is allowed.
 */
export function parseLadder(setting: string): Rung[] {
  const match = /^aac@(\d{1,3})k$/.exec(setting.trim());
  const bitRate = Number(match?.[1]) * 1000;
  if (!match || bitRate < 8000 || bitRate > 512_000) throw new Error(ALLOWED);
  return [{ codec: 'aac', bitRate }];
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

/**
 * What a segment of music needs at the most over the bit rate, boxes included (5 % seen). It stands in the manifest from the
 * beginning, for that is final as soon as there is one; what is measured later changes nothing in it.
 */
const USUAL_PEAK = 1.1;

/** What shapes the bytes of an encode; two equal shapes of equal content give segments with equal names. */
export interface EncodeShape {
  sha256: string;
  sampleRate: number;
  channels: number;
  segmentFrames: number;
  ffmpegVersion: string;
}

/** The renditions of a track, named and keyed. */
export function renditionsFor(ladder: readonly Rung[], shape: EncodeShape): Rendition[] {
  return ladder.map((rung) => ({
    id: `${rung.codec}-${rung.bitRate / 1000}k`,
    codec: rung.codec,
    codecs: 'mp4a.40.2',
    bitRate: rung.bitRate,
    bandwidth: Math.ceil(rung.bitRate * USUAL_PEAK),
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
  ];
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 8);
}
