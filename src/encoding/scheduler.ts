/** Carries out what the planner says: starts runs, shortens them, and stops one to make room for another. */

import type { Job, LiveRun, LiveRung } from './job.ts';
import { nextStep, type Step } from './planner.ts';
import { plannerState, segmentSeconds } from './planner-state.ts';
import { createWatch } from './priority-watch.ts';
import type { NewRun } from './runner.ts';
import { createTurnsTaken } from './turns-taken.ts';

export interface SchedulerOptions {
  /** All that are taken up, oldest first. */
  jobs(): Iterable<Job>;
  /** Runs at the same time. */
  concurrency: number;
  /** Launchers for background work: how many levels of yielding there are. */
  levels: Promise<number>;
  startRun(job: Job, rung: LiveRung, run: NewRun): LiveRun;
  /**
   * A run has ended, of a job that goes on.
   *
   * @param error what it failed with; undefined also for one that was stopped to make room.
   */
  onEnded(job: Job, rung: LiveRung, run: LiveRun, error: unknown): Promise<void>;
}

export interface Scheduler {
  /** Applies the planner's steps until it has none. To be called whenever something has happened. */
  schedule(): void;
  /** The same a moment later, once for all calls until then: clients can cause any number of calls. */
  scheduleSoon(): void;
  /** A job begins to wait for its turn. */
  join(job: Job): void;
  /** A run of a job has published a segment. */
  published(job: Job): void;
  /** Stops all runs of a job; once it resolves nothing of it runs. */
  endRuns(job: Job, reason: string): Promise<void>;
  /** Nothing is started from now on. */
  close(): void;
}

/** Short beside the 0.2 s in which a run makes its first segment. */
const SOON_MS = 5;

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { jobs, concurrency, startRun, onEnded } = options;
  const turns = createTurnsTaken();
  let soon: NodeJS.Timeout | undefined;
  let closed = false;

  const runsUnderWay = function* (): Generator<LiveRun> {
    for (const job of jobs()) for (const { runs } of job.rungs) yield* runs;
  };

  const watch = createWatch({
    concurrency,
    levels: options.levels,
    runs: runsUnderWay,
    onLook(level) {
      // A process cannot be made to yield less: another one takes its place.
      for (const run of runsUnderWay()) if (!run.isWaited && run.level !== level) stopRun(run.id);
      schedule();
    },
  });

  const schedule = () => {
    if (closed) return;
    const { level } = watch;
    for (;;) {
      const active = [...jobs()].filter((job) => !job.isPaused);
      const state = plannerState(active, { concurrency, turns, level });
      const step = nextStep(state);
      if (!step) return;
      if (step.turn) turns.take(step.turn);
      else if (state.tracks[step.track]?.isDue) turns.dueServed();
      apply(step, active[step.track] as Job);
      watch.start();
    }
  };

  const apply = (step: Step, job: Job) => {
    const rung = job.rungs[step.rung] as LiveRung;
    if (step.stop !== undefined) stopRun(step.stop);
    for (const run of rung.runs) if (run.next < step.from && run.until > step.from) run.until = step.from;
    const { from, until, isWaited } = step;
    const run = startRun(job, rung, { from, until, isWaited, level: watch.level });
    rung.runs.add(run);
    run.done.then(
      () => void ended(job, rung, run),
      (error: unknown) => void ended(job, rung, run, error),
    );
  };

  const stopRun = (id: number) => {
    for (const job of jobs()) {
      for (const rung of job.rungs) {
        for (const run of rung.runs) {
          if (run.id !== id) continue;
          // Off the list at once: its worker is free, though the process needs a moment to end.
          rung.runs.delete(run);
          job.ending.add(run);
          run.controller.abort('stopped');
        }
      }
    }
  };

  const ended = async (job: Job, rung: LiveRung, run: LiveRun, error?: unknown) => {
    const wasStopped = !rung.runs.delete(run);
    job.ending.delete(run);
    const goesOn = !job.controller.signal.aborted && !job.isPaused;
    if (goesOn) await onEnded(job, rung, run, wasStopped ? undefined : error);
    schedule();
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
    async endRuns(job, reason) {
      const runs = [...job.ending, ...job.rungs.flatMap((rung) => [...rung.runs])];
      for (const run of runs) run.controller.abort(reason);
      await Promise.allSettled(runs.map((run) => run.done));
      for (const rung of job.rungs) rung.runs.clear();
    },
    close() {
      closed = true;
      watch.stop();
    },
  };
}
