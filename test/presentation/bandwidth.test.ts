import { describe, expect, it } from 'vitest';
import { measureBandwidth } from '../../src/presentation/bandwidth.ts';
import { timelineOf } from '../../src/presentation/timeline.ts';

/** Makes a timeline of whole segments of one second (4 frames at 4,096 Hz), and a rest. */
const timeline = (segments: number, restSeconds: number) =>
  timelineOf({
    samples: Math.round((segments + restSeconds) * 4096) - 1024,
    sampleRate: 4096,
    segmentFrames: 4,
  });

describe('the measured bandwidth', () => {
  it.each<[string, ReturnType<typeof timeline>, number[], number, number]>([
    ['is that of the largest segment', timeline(3, 0), [1000, 1500, 800], 12_000, 8800],
    ['is the average if all segments are equal', timeline(2, 0), [1000, 1000], 8000, 8000],
    [
      'counts a last segment of half the target duration alone',
      timeline(2, 0.5),
      [1000, 1000, 700],
      11_200,
      8640,
    ],
    [
      'counts a shorter last segment together with the one before',
      timeline(2, 0.375),
      [1000, 1000, 900],
      11_055,
      9769,
    ],
    ['counts a joined tail with its own length', timeline(2, 0.125), [1000, 1200], 8534, 8283],
    ['of one short segment is its own', timeline(0, 0.375), [300], 6400, 6400],
    ['is rounded up', timeline(3, 0), [1, 1, 1.2], 10, 9],
  ])('%s', (_case, cut, sizes, bandwidth, averageBandwidth) => {
    expect(cut.segmentCount).toBe(sizes.length);
    expect(measureBandwidth(cut, sizes)).toEqual({ bandwidth, averageBandwidth });
  });
});
