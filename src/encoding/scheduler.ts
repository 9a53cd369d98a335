/** Carries out the planner's steps: starts runs, shortens them, and stops one to make room for another. */
import { type ActiveRendition, type ActiveRun, isPlayable, type Job, workingRuns } from './job.ts';
import { nextStep, type Step } from './planner.ts';
import { plannerState, segmentSeconds } from './planner-state.ts';
import { createWatch } from './priority-watch.ts';
import type { NewRun } from './runner.ts';
import { createTurnsTaken } from './turns-taken.ts';

export interface SchedulerOptions {
  /** All jobs by filename, oldest first. */
  jobs: ReadonlyMap<string, Job>;
  /** Runs at the same time. */
  concurrency: number;
  /** Number of launchers for background work: the levels of yielding. */
  levels: Promise<number>;
  startRun(job: Job, active: ActiveRendition, run: NewRun): ActiveRun;
}

export interface Scheduler {
  /** Applies the planner's steps until it has none. To be called whenever something has happened. */
  schedule(): void;
  /** Calls `schedule` a moment later, once for all calls until then: clients can cause any number of calls. */
  scheduleSoon(): void;
  /** Lets a job wait for its turns. */
  join(job: Job): void;
  /** Notes that a run of a job has published a segment. */
  published(job: Job): void;
  /** Stops all runs of a job. Once it resolves none of their processes is left. */
  endRuns(job: Job): Promise<void>;
  /** True while as many runs are at work as may be, or a track waits for its first segments. */
  readonly isBusy: boolean;
  /** Starts nothing from now on. */
  close(): void;
}

/** Short beside the 0.2 s in which a run makes its first segment. */
const SOON_MS = 5;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { jobs, concurrency, startRun } = options;
  const turns = createTurnsTaken<Job>();
  let soon: NodeJS.Timeout | undefined;
  let closed = false;

  const allWorkingRuns = function* (): Generator<ActiveRun> {
    for (const { renditions } of jobs.values()) for (const active of renditions) yield* workingRuns(active);
  };

  const watch = createWatch({
    concurrency,
    levels: options.levels,
    runs: allWorkingRuns,
    onLook(level) {
      // A process cannot be made to yield less: another one takes its place.
      for (const run of allWorkingRuns()) if (!run.isWaited && run.level !== level) stop(run);
      schedule();
    },
  });

  const schedule = () => {
    if (closed) return;
    const { level } = watch;
    for (;;) {
      const encoding = [...jobs.values()].filter(({ state }) => state === 'encode');
      const step = nextStep(plannerState(encoding, { concurrency, turns, level }));
      if (!step) return;
      if (step.turn) turns.take(step.turn);
      else if (step.track.isDue) turns.dueServed();
      apply(step);
      watch.start();
    }
  };

  const apply = ({ track, rendition, from, until, isWaited, stop: stopped }: Step) => {
    for (const run of stopped === undefined ? [] : allWorkingRuns()) if (run.id === stopped) stop(run);
    const job = jobs.get(track.filename);
    const active = job?.renditions.find((each) => each.rendition.id === rendition.id);
    if (!job || !active) throw new Error(`${track.filename} has no rendition ${rendition.id}`);
    for (const run of active.runs) if (run.next < from && run.until > from) run.until = from;
    const run = startRun(job, active, { from, until, isWaited, level: watch.level });
    active.runs.add(run);
    run.done.then(
      () => ended(job, active, run),
      (error: unknown) => ended(job, active, run, error),
    );
  };

  /** Its worker is free at once, though its process needs a moment to end. */
  const stop = (run: ActiveRun) => {
    run.isStopping = true;
    run.controller.abort('stopped');
  };

  const ended = (job: Job, active: ActiveRendition, run: ActiveRun, error?: unknown) => {
    active.runs.delete(run);
    // The job's life decides what comes next before another run takes this one's place.
    if (job.state === 'encode')
      job.events.post({ kind: 'run ended', active, run, error: run.isStopping ? undefined : error });
    else schedule();
  };

  return {
    schedule,
    scheduleSoon() {
      if (soon !== undefined) return;
      soon = setTimeout(() => {
        soon = undefined;
        schedule();
      }, SOON_MS);
    },
    join: turns.join,
    published(job) {
      turns.worked(job, segmentSeconds(job));
      schedule();
    },
    async endRuns(job) {
      const runs = job.renditions.flatMap((active) => [...active.runs]);
      for (const run of runs) stop(run);
      await Promise.allSettled(runs.map(({ done }) => done));
      schedule();
    },
    get isBusy() {
      const isWaiting = (job: Job) => (job.state === 'load' || job.state === 'encode') && !isPlayable(job);
      return [...allWorkingRuns()].length >= concurrency || [...jobs.values()].some(isWaiting);
    },
    close() {
      closed = true;
      watch.stop();
    },
  };
}
