/** Describes jobs to the planner. */
import { type ActiveRendition, type ActiveRun, type Job, workingRuns } from './job.ts';
import type { PlannedRun, PlannerState, Wanted } from './plan.ts';
import type { TurnsTaken } from './turns-taken.ts';
import { wantedPlaces } from './wanted-places.ts';

/** A core encodes this much in about a second; starting a run costs 0.15 s, of a worker that had nothing to do. */
const MIN_STRETCH_SECONDS = 60;
/** Audio that a run makes in a second where nothing is measured yet: half of what one free core does. */
const USUAL_SPEED = 40;
/** A run that yields and hands out nothing for so long gets hardly any processor time. A free core takes 0.05 s for a segment. */
const STALLED_AFTER_MS = 1000;

/**
 * @param jobs those in which a run may start, oldest first.
 * @param options.level of background work; above 0 the processor is known to be busy.
 */
export function plannerState(
  jobs: readonly Job[],
  { concurrency, turns, level }: { concurrency: number; turns: TurnsTaken<Job>; level: number },
): PlannerState {
  const minStretch = segmentsIn(jobs[0], MIN_STRETCH_SECONDS);
  const due = turns.due(jobs, hasRun);
  return {
    concurrency,
    minStretch,
    lastUrgency: turns.lastUrgency,
    tracks: jobs.map((job) => {
      const wanted = wantedIn(job, minStretch, turns);
      return {
        filename: job.track.filename,
        holder: job.holder,
        servedAt: turns.servedAt(job.holder),
        segmentSeconds: segmentSeconds(job),
        isAwaited: job.awaiting > 0,
        isDue: job === due,
        renditions: job.renditions.map((active) => ({
          id: active.rendition.id,
          isMain: active.isMain,
          segmentCount: job.timeline.segmentCount,
          stored: active.coverage.stored,
          wanted: wanted.get(active.rendition.id) ?? [],
          isSequential: active.isSequential,
          runs: plannedRuns(active, job, level),
        })),
      };
    }),
  };
}

function hasRun({ renditions }: Job): boolean {
  return renditions.some((active) => workingRuns(active).length > 0);
}

function wantedIn({ renditions }: Job, ahead: number, turns: TurnsTaken<Job>): Map<string, Wanted[]> {
  const waiting = renditions.map(
    ({ rendition, waiters }) => [rendition.id, [...waiters.requests()]] as const,
  );
  return wantedPlaces(new Map(waiting), { ahead, servedAt: turns.servedAt });
}

function plannedRuns(active: ActiveRendition, job: Job, level: number): PlannedRun[] {
  return (
    workingRuns(active)
      // A run that has made its whole range is about to end by itself.
      .filter((run) => run.next < run.until)
      .map((run) => ({ ...run, reach: reachOf(run, job, level), isStalled: isStalled(run, level) }))
  );
}

export function segmentSeconds({ timeline }: Job): number {
  return timeline.segmentSamples / timeline.sampleRate;
}

function isStalled(run: ActiveRun, level: number): boolean {
  if (run.isWaited) return false;
  const isNew = run.published === 0;
  return (isNew && level > 0) || performance.now() - run.lastPublishedAt > STALLED_AFTER_MS;
}

/** Returns the segments that a run makes in about a second, as measured, or as usual. */
function reachOf(run: ActiveRun, job: Job, level: number): number {
  if (run.published < 2) return level > 0 ? 1 : segmentsIn(job, USUAL_SPEED);
  const seconds = (performance.now() - run.firstPublishedAt) / 1000;
  return Math.max(1, Math.floor((run.published - 1) / Math.max(0.01, seconds)));
}

function segmentsIn(job: Job | undefined, seconds: number): number {
  return job ? Math.max(1, Math.ceil(seconds / segmentSeconds(job))) : 1;
}
