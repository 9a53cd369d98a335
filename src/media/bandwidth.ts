/** What bit rate the segments of a rendition really need, from their sizes. Pure. */
import type { Rendition } from '../tracks/track.ts';
import type { Timeline } from './timeline.ts';

/**
 * The peak and the average segment bit rate (RFC 8216 section 4.3.4.2), in bits per second, over media time. A last segment
 * of less than half the usual length counts together with the one before it, as that section has it. A client that
 * receives at the peak and starts to play after `@minBufferTime` never runs dry (23009-1 clause 5.3.5.4), for that is the
 * length of a segment.
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
  const lastIsShort = timeline.media(count - 1).duration < timeline.segmentSamples / 2;
  const peaks = sizes.map((_size, index) =>
    lastIsShort && index === count - 1 ? bitRate(Math.max(0, index - 1), count) : bitRate(index, index + 1),
  );
  return {
    bandwidth: peaks.reduce((most, peak) => Math.max(most, peak), 1),
    averageBandwidth: Math.max(1, bitRate(0, count)),
  };
}
