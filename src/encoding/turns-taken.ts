/** Remembers the turns that holders and tracks have had at encoding, so that others come first next time. In memory only. */

import type { Job } from './job.ts';
import type { Turn, Urgency } from './plan.ts';

export interface TurnsTaken {
  readonly lastUrgency: Urgency | undefined;
  /** When a holder had its last turn, by a count of turns; 0 for never. */
  servedAt(holder: string): number;
  take(turn: Turn): void;
  /** A track begins to wait. */
  join(job: Job): void;
  /** Counts audio that was encoded. */
  worked(job: Job, audioSeconds: number): void;
  /** The track that has waited longest, when it is its turn. */
  due(jobs: readonly Job[]): Job | undefined;
  /** The track that was due has got its run. */
  dueServed(): void;
}

/** Holders that are remembered. A holder that comes back after so many others counts as new. */
const MAX_HOLDERS = 10_000;
/**
 * Audio that is encoded for the tracks with the least left between two turns of the one that has waited longest. A run is left
 * alone for its first 60 seconds of audio, so a long track gets a twentieth of the work however many short ones come.
 */
const DUE_EVERY_SECONDS = 1200;

export function createTurnsTaken(): TurnsTaken {
  /** The least recent first. */
  const served = new Map<string, number>();
  let count = 0;
  let lastUrgency: Urgency | undefined;
  let sinceDueSeconds = 0;
  /** Audio that was encoded in all, in seconds: the clock of `Job.workedAt`. */
  let clock = 0;

  return {
    get lastUrgency() {
      return lastUrgency;
    },
    servedAt: (holder) => served.get(holder) ?? 0,
    take({ urgency, holder }) {
      lastUrgency = urgency;
      served.delete(holder);
      served.set(holder, ++count);
      const [oldest] = served.size > MAX_HOLDERS ? served.keys() : [];
      if (oldest !== undefined) served.delete(oldest);
    },
    join(job) {
      job.workedAt = clock;
    },
    worked(job, audioSeconds) {
      clock += audioSeconds;
      sinceDueSeconds += audioSeconds;
      job.workedAt = clock;
    },
    due(jobs) {
      if (sinceDueSeconds < DUE_EVERY_SECONDS) return undefined;
      const waiting = jobs.filter(({ rungs }) => rungs.every(({ runs }) => runs.size === 0));
      if (waiting.length === jobs.length) return undefined;
      return waiting.reduce<Job | undefined>(
        (longest, job) => (longest && longest.workedAt <= job.workedAt ? longest : job),
        undefined,
      );
    },
    dueServed() {
      sinceDueSeconds = 0;
    },
  };
}
