/** The progress of a job, as clients see it. Pure. */
import type { Timeline } from '../presentation/timeline.ts';
import type { Coverage } from './coverage.ts';
import type { EncodingProgress } from './encoder.ts';
import { isPlayable, type Job } from './job.ts';

export function progressOf(job: Job): EncodingProgress {
  const { renditions, timeline } = job;
  const sum = (of: (coverage: Coverage) => number) =>
    renditions.reduce((total, { coverage }) => total + of(coverage), 0);
  const main = renditions.find(({ isMain }) => isMain);
  return {
    progress: sum(({ stored }) => stored.size) / (Math.max(1, renditions.length) * timeline.segmentCount),
    storedBytes: sum(({ bytes }) => bytes),
    isPlayable: isPlayable(job),
    encoded: main ? spansOf(main.coverage, timeline) : [],
  };
}

/** Returns the stored spans, in seconds of presentation time. */
function spansOf({ stored }: Coverage, timeline: Timeline): [start: number, end: number][] {
  const spans: [number, number][] = [];
  let open = -1;
  for (let index = 0; index <= timeline.segmentCount; index++) {
    const isStored = index < timeline.segmentCount && stored.has(index);
    if (isStored && open < 0) open = index;
    if (isStored || open < 0) continue;
    const last = timeline.presentation(index - 1);
    spans.push([
      timeline.presentation(open).start / timeline.sampleRate,
      (last.start + last.duration) / timeline.sampleRate,
    ]);
    open = -1;
  }
  return spans;
}
