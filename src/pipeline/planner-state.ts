/** Jobs as the planner sees them. */
import type { PlannerState } from '../media/planner.ts';
import type { Job, LiveRun } from './job.ts';

/** A core encodes this much in about a second; starting a run costs 0.15 s, of a worker that had nothing to do. */
const MIN_STRETCH_SECONDS = 60;
/** Audio that a run makes in a second where nothing is measured yet: half of what one free core does. */
const USUAL_SPEED = 40;

/** @param jobs those in which something may start, oldest first. */
export function plannerState(jobs: Job[], concurrency: number): PlannerState {
  return {
    concurrency,
    minStretch: segmentsIn(jobs[0], MIN_STRETCH_SECONDS),
    tracks: jobs.map((job) => ({
      rungs: job.rungs.map((rung) => ({
        isMain: rung.isMain,
        segmentCount: job.timeline.segmentCount,
        stored: rung.coverage.stored,
        wanted: rung.holds.wanted(),
        isSequential: rung.isSequential,
        // One that has made all that it was to make is about to end by itself.
        runs: [...rung.runs]
          .filter((run) => run.next < run.until)
          .map((run) => ({ ...run, reach: reachOf(run, job) })),
      })),
    })),
  };
}

/** Segments that a run makes in about a second, as measured, or as usual. */
function reachOf(run: LiveRun, job: Job): number {
  if (run.published < 2) return segmentsIn(job, USUAL_SPEED);
  const seconds = (performance.now() - run.firstPublishedAt) / 1000;
  return Math.max(1, Math.floor((run.published - 1) / Math.max(0.01, seconds)));
}

function segmentsIn(job: Job | undefined, seconds: number): number {
  if (!job) return 1;
  const { sampleRate, segmentSamples } = job.timeline;
  return Math.max(1, Math.ceil((seconds * sampleRate) / segmentSamples));
}
