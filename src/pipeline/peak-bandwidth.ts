/** What a rendition really needs. Pure. */
import type { Timeline } from '../media/timeline.ts';
import type { Coverage } from './coverage.ts';

/**
 * Bits per second of the segment that needs most: with that much, a player that starts after one segment length never
 * stalls (23009-1 clause 5.3.5.2, `@bandwidth` with `@minBufferTime`).
 */
export function peakBandwidth(timeline: Timeline, coverage: Coverage): number {
  let peak = 1;
  for (const index of coverage.stored) {
    if (index >= timeline.segmentCount) continue;
    const seconds = timeline.media(index).duration / timeline.sampleRate;
    peak = Math.max(peak, (coverage.bytesOf(index) * 8) / seconds);
  }
  return Math.ceil(peak);
}
