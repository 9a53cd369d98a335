/** Finds the end of a source by decoding its last seconds. */
import { PADDING_SAMPLES } from '../presentation/timeline.ts';
import { countSamples } from './count-samples.ts';
import type { Decoding } from './decoding.ts';

/** Seconds to decode before the end: enough for every decoder to settle, and short. */
const LOOK_BACK_SECONDS = 2;
/** Seconds to decode after the end, which show whether the source goes on. */
const LOOK_AHEAD_SECONDS = 30;
/**
 * Samples that may decode after N without being sound: the rest of the last frame, if the container declares it as padding
 * and the decoder returns it. Of 456 whole files of 28 formats none had more than 960.
 */
const TOLERANCE_SAMPLES = PADDING_SAMPLES;

/**
 * Decodes the source around the sample `near`.
 *
 * @returns the sample at which the source ends, or a sample after which it goes on; null if nothing decodes there.
 */
export async function decodedEnd(decoding: Decoding, near: number): Promise<number | null> {
  const from = Math.max(0, Math.round(near) - LOOK_BACK_SECONDS * decoding.sampleRate);
  const seconds = LOOK_BACK_SECONDS + LOOK_AHEAD_SECONDS;
  const samples = await countSamples(decoding, { from, seconds, hasTimeline: true });
  return samples === 0 ? null : from + samples;
}

/** Returns whether a source goes on after N, given that it decodes up to the sample `end`. */
export function goesOn(samples: number, end: number): boolean {
  return end - samples > TOLERANCE_SAMPLES;
}

/** Returns whether a source ends at N, given that it decodes up to the sample `end`. */
export function endsAt(samples: number, end: number): boolean {
  return Math.abs(end - samples) <= TOLERANCE_SAMPLES;
}
