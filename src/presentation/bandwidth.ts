/** Measures the bit rate that the segments of a rendition need, from their sizes. Pure. */
import type { Rendition } from '../tracks/track.ts';
import { type Timeline, targetSeconds } from './timeline.ts';

/**
 * Returns the peak and the average segment bit rate (RFC 8216 sections 4.1 and 4.3.4.2), in bits per second of media
 * time. RFC 8216 takes the peak over sets of segments of at least half the target duration, so a shorter last segment
 * counts together with the one before it. MPEG-DASH defines `@bandwidth` in the same way (23009-1 clause 5.3.5.2), given
 * a `@minBufferTime` of one segment.
 *
 * @param sizes bytes of the media segments, in their order.
 */
export function measureBandwidth(
  timeline: Timeline,
  sizes: readonly number[],
): Pick<Rendition, 'bandwidth' | 'averageBandwidth'> {
  const bitRate = (from: number, until: number) => {
    const bytes = sizes.slice(from, until).reduce((sum, size) => sum + size, 0);
    const [first, last] = [timeline.media(from), timeline.media(until - 1)];
    return Math.ceil((8 * bytes * timeline.sampleRate) / (last.start + last.duration - first.start));
  };
  const count = timeline.segmentCount;
  const lastSeconds = timeline.media(count - 1).duration / timeline.sampleRate;
  const lastIsShort = lastSeconds < targetSeconds(timeline) / 2;
  const peaks = sizes.map((_size, index) =>
    lastIsShort && index === count - 1 ? bitRate(Math.max(0, index - 1), count) : bitRate(index, index + 1),
  );
  return {
    bandwidth: peaks.reduce((most, peak) => Math.max(most, peak), 1),
    averageBandwidth: Math.max(1, bitRate(0, count)),
  };
}
