/**
 * Looks whether a source goes on after N. Runs cut at N and do not see the rest: a header that declares too little would cost
 * the listener the rest, without a word.
 */
import type { Logger } from 'pino';
import type { Governor } from '../governor/governor.ts';
import { decodedEnd, goesOn } from '../source/source-end.ts';
import type { Corrections } from './corrections.ts';
import type { Job } from './job.ts';

export interface EndCheck {
  /** Begins to look, beside the encode: one process, of 0.1 s as a rule. Looks once for each job. */
  start(job: Job): void;
  /** Resolves with whether the source goes on after N; with true only once. */
  goesOn(job: Job): Promise<boolean>;
}

export interface EndCheckOptions {
  governor: Governor;
  log: Logger;
  withDecoding: Corrections['withDecoding'];
}

export function createEndCheck({ governor, log, withDecoding }: EndCheckOptions): EndCheck {
  const looks = new WeakMap<Job, Promise<boolean>>();

  const look = async ({ track, controller: { signal } }: Job): Promise<boolean> => {
    if (track.upload === null || track.isEndKnown) return false;
    const lease = await governor.endChecks.take('encoder', { signal });
    try {
      const original = { track, upload: track.upload, signal };
      const end = await withDecoding(original, (decoding) => decodedEnd(decoding, track.samples));
      return end !== null && goesOn(track.samples, end);
    } finally {
      lease.release();
    }
  };

  const start = async (job: Job): Promise<boolean> => {
    try {
      return await look(job);
    } catch (error) {
      log.debug({ filename: job.track.filename, err: error }, 'looking past the end failed');
      return false;
    }
  };

  const started = (job: Job) => {
    if (!looks.has(job)) looks.set(job, start(job));
    return looks.get(job) ?? false;
  };

  return {
    start: (job) => void started(job),
    async goesOn(job) {
      const isGoingOn = await started(job);
      looks.set(job, Promise.resolve(false));
      // A run may have corrected the track meanwhile.
      return isGoingOn && !job.track.isEndKnown;
    },
  };
}
