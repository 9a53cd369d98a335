/** Where a source ends, by decoding the last of it. */

import { PADDING_SAMPLES } from '../presentation/timeline.ts';
import { countSamples } from './count-samples.ts';
import type { Decoding } from './decoding.ts';

/** How long before the end decoding starts: enough for every decoder to get going, and soon over. */
const LOOK_BACK_SECONDS = 2;
/** How much of what goes on is decoded: enough to know that it goes on. */
const LOOK_AHEAD_SECONDS = 30;
/**
 * What may decode after N without being sound: the rest of the last frame, where the container declares it as padding and the
 * decoder gives it out. Of 456 whole files of 28 formats none had more than 960 samples.
 */
const TOLERANCE_SAMPLES = PADDING_SAMPLES;

/**
 * Decodes what is around the sample `near`.
 *
 * @returns the sample at which the source ends, or some sample after which it goes on; null where nothing decodes there.
 */
export async function decodedEnd(decoding: Decoding, near: number): Promise<number | null> {
  const from = Math.max(0, Math.round(near) - LOOK_BACK_SECONDS * decoding.sampleRate);
  const seconds = LOOK_BACK_SECONDS + LOOK_AHEAD_SECONDS;
  const samples = await countSamples(decoding, { from, seconds, hasTimeline: true });
  return samples === 0 ? null : from + samples;
}

/** Whether a source goes on after N, when it decodes up to the sample `end`. */
export function goesOn(samples: number, end: number): boolean {
  return end - samples > TOLERANCE_SAMPLES;
}

/** Whether a source that decodes up to the sample `end` ends at N. */
export function endsAt(samples: number, end: number): boolean {
  return Math.abs(end - samples) <= TOLERANCE_SAMPLES;
}
