/** Carries out what the planner says: starts runs, shortens them, and stops one to make room for another. */
import { nextStep, type Step } from '../media/planner.ts';
import type { Job, LiveRun, LiveRung } from './job.ts';
import { plannerState } from './planner-state.ts';

export interface SchedulerOptions {
  /** All that are taken up, oldest first. */
  jobs(): Iterable<Job>;
  /** Runs at the same time. */
  concurrency: number;
  startRun(job: Job, rung: LiveRung, stretch: { from: number; until: number }): LiveRun;
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
  /** Stops all runs of a job; once it resolves nothing of it runs. */
  endRuns(job: Job, reason: string): Promise<void>;
  /** Nothing is started from now on. */
  close(): void;
}

export function createScheduler({ jobs, concurrency, startRun, onEnded }: SchedulerOptions): Scheduler {
  let closed = false;

  const schedule = () => {
    if (closed) return;
    for (;;) {
      const active = [...jobs()].filter((job) => !job.isPaused);
      const step = nextStep(plannerState(active, concurrency));
      if (!step) return;
      apply(step, active);
    }
  };

  const apply = (step: Step, active: Job[]) => {
    const job = active[step.track] as Job;
    const rung = job.rungs[step.rung] as LiveRung;
    if (step.stop !== undefined) stopRun(active, step.stop);
    for (const run of rung.runs) if (run.next < step.from && run.until > step.from) run.until = step.from;
    const run = startRun(job, rung, step);
    rung.runs.add(run);
    run.done.then(
      () => void ended(job, rung, run),
      (error: unknown) => void ended(job, rung, run, error),
    );
  };

  const stopRun = (active: Job[], id: number) => {
    for (const job of active) {
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
    async endRuns(job, reason) {
      const runs = [...job.ending, ...job.rungs.flatMap((rung) => [...rung.runs])];
      for (const run of runs) run.controller.abort(reason);
      await Promise.allSettled(runs.map((run) => run.done));
      for (const rung of job.rungs) rung.runs.clear();
    },
    close() {
      closed = true;
    },
  };
}
