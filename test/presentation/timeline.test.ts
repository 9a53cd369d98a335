import { describe, expect, it } from 'vitest';
import {
  FRAME_SAMPLES,
  framesPerSegment,
  PRIMING_SAMPLES,
  type Timeline,
  timelineOf,
} from '../../src/presentation/timeline.ts';

const cuts = [
  { sampleRate: 44_100, segmentFrames: 172 },
  { sampleRate: 48_000, segmentFrames: 188 },
  { sampleRate: 48_000, segmentFrames: 47 },
  { sampleRate: 22_050, segmentFrames: 86 },
  { sampleRate: 11_025, segmentFrames: 43 },
  { sampleRate: 8000, segmentFrames: 31 },
  { sampleRate: 7350, segmentFrames: 7 },
];

/** Returns lengths in samples around every boundary, and some that are near none. */
function lengths({ sampleRate, segmentFrames }: { sampleRate: number; segmentFrames: number }): number[] {
  const full = segmentFrames * FRAME_SAMPLES;
  const quarter = Math.ceil(sampleRate / 4);
  const boundaries = [1, 2, 3, 50].flatMap((count) =>
    [0, quarter].map((tail) => count * full - PRIMING_SAMPLES + tail),
  );
  return [
    ...[1, 500, 1023, 1024, 1025, 3000, 12_345_678],
    ...boundaries.flatMap((length) => [length - 1, length, length + 1]),
  ];
}

const indices = (timeline: Timeline) => Array.from({ length: timeline.segmentCount }, (_, index) => index);

/** Returns the start of each span if all follow one another without a gap, and then the end of the last. */
function laidEndToEnd(durations: number[]): number[] {
  const edges = [0];
  for (const duration of durations) edges.push((edges.at(-1) as number) + duration);
  return edges;
}

describe('framesPerSegment', () => {
  it.each([
    [4, 44_100, 172],
    [4, 48_000, 188],
    [4, 8000, 31],
    [1, 44_100, 43],
    [10, 48_000, 469],
    [30, 44_100, 1292],
  ])('for %i s at %i Hz is %i frames', (seconds, sampleRate, frames) => {
    expect(framesPerSegment(seconds, sampleRate)).toBe(frames);
  });

  it('rounds half a frame up', () => {
    expect(framesPerSegment(2.5 * FRAME_SAMPLES, 1)).toBe(3);
    expect(framesPerSegment(2.499 * FRAME_SAMPLES, 1)).toBe(2);
  });

  it('takes at least one frame', () => {
    expect(framesPerSegment(0.001, 8000)).toBe(1);
  });
});

describe.each(cuts)('a timeline at $sampleRate Hz with $segmentFrames frames in a segment', (cut) => {
  const timelines = lengths(cut).map((samples) => timelineOf({ ...cut, samples }));
  const about = ({ samples }: Timeline) => `N = ${samples}`;

  it('tiles the media time without a gap', () => {
    for (const timeline of timelines) {
      const spans = indices(timeline).map(timeline.media);
      const edges = laidEndToEnd(spans.map(({ duration }) => duration));
      expect([...spans.map(({ start }) => start), timeline.mediaSamples], about(timeline)).toEqual(edges);
      expect(timeline.mediaSamples).toBe(timeline.samples + PRIMING_SAMPLES);
      expect(timeline.frameCount).toBe(Math.ceil(timeline.mediaSamples / FRAME_SAMPLES));
    }
  });

  it('tiles the presentation from 0 to N, the first segment 1,024 samples short', () => {
    for (const timeline of timelines) {
      const spans = indices(timeline).map(timeline.presentation);
      const edges = laidEndToEnd(spans.map(({ duration }) => duration));
      expect([...spans.map(({ start }) => start), timeline.samples], about(timeline)).toEqual(edges);
      const shorter = indices(timeline).map((index) => timeline.media(index).duration);
      shorter[0] = (shorter[0] as number) - PRIMING_SAMPLES;
      expect(spans.map(({ duration }) => duration)).toEqual(shorter);
      expect(Math.min(...shorter)).toBeGreaterThan(0);
    }
  });

  it('has full segments, and a last one of at least a quarter second', () => {
    for (const timeline of timelines) {
      const { segmentCount, segmentSamples, media } = timeline;
      expect(segmentSamples).toBe(cut.segmentFrames * FRAME_SAMPLES);
      const durations = indices(timeline).map((index) => media(index).duration);
      const last = durations.pop() as number;
      expect(durations, about(timeline)).toEqual(durations.map(() => segmentSamples));
      expect(last, about(timeline)).toBeLessThan(segmentSamples + cut.sampleRate / 4);
      if (segmentCount > 1) expect(last, about(timeline)).toBeGreaterThanOrEqual(cut.sampleRate / 4);
    }
  });

  it('has one fragment more than segments only if a tail is joined', () => {
    for (const timeline of timelines) {
      const { fragmentCount, segmentCount, segmentSamples, mediaSamples, media } = timeline;
      const joined = media(segmentCount - 1).duration > segmentSamples;
      expect(fragmentCount, about(timeline)).toBe(Math.ceil(mediaSamples / segmentSamples));
      expect(segmentCount, about(timeline)).toBe(fragmentCount - (joined ? 1 : 0));
    }
  });
});

describe('the end of a timeline of three full segments', () => {
  const cut = { sampleRate: 44_100, segmentFrames: 172 };
  const full = 3 * 172 * FRAME_SAMPLES - PRIMING_SAMPLES;
  it.each([
    [-1, 3, 3],
    [0, 3, 3],
    [1, 3, 4],
    [11_024, 3, 4],
    [11_025, 4, 4],
    [11_026, 4, 4],
  ])('with %i samples more has %i segments and %i fragments', (more, segmentCount, fragmentCount) => {
    expect(timelineOf({ ...cut, samples: full + more })).toMatchObject({ segmentCount, fragmentCount });
  });

  it('keeps an only segment, however short', () => {
    const timeline = timelineOf({ ...cut, samples: 1 });
    expect(timeline).toMatchObject({ segmentCount: 1, fragmentCount: 1, frameCount: 2 });
    expect(timeline.presentation(0)).toEqual({ start: 0, duration: 1 });
  });
});

describe('a timeline refuses', () => {
  const timeline = timelineOf({ samples: 441_000, sampleRate: 44_100, segmentFrames: 172 });
  it.each([-1, 0.5, 3, Number.NaN])('segment %d of 3', (index) => {
    expect(() => timeline.media(index)).toThrow(RangeError);
    expect(() => timeline.presentation(index)).toThrow(RangeError);
  });

  it.each([0, -1, Number.NaN])('a length of %d samples', (samples) => {
    expect(() => timelineOf({ samples, sampleRate: 44_100, segmentFrames: 172 })).toThrow(RangeError);
  });
});
