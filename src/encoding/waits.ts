/** Waits for the outcome of a track, or for one of its segments. */
import type { Library } from '../library/library.ts';
import type { Track } from '../tracks/track.ts';
import { covers } from './coverage.ts';
import type { Encoder } from './encoder.ts';
import { isPlayable, isWithin, type Job } from './job.ts';

export type Waits = Pick<Encoder, 'whenPlayable' | 'whenSettled' | 'whenStored'>;

/** @param jobs the tracks that are being processed, by filename. */
export function createWaits(jobs: ReadonlyMap<string, Job>, library: Library): Waits {
  const withoutJob = async (filename: string): Promise<Track | 'deleted'> =>
    (await library.get(filename)) ?? 'deleted';

  const whenJobIsPlayable = async (job: Job): Promise<Track> => {
    while (!isPlayable(job)) await job.changes.next();
    return job.track;
  };

  return {
    async whenPlayable(filename) {
      const job = jobs.get(filename);
      if (!job) return withoutJob(filename);
      return Promise.race([whenJobIsPlayable(job), job.outcomes.next()]);
    },
    async whenSettled(filename, options) {
      const job = jobs.get(filename);
      if (!job) return withoutJob(filename);
      if (!options) return job.outcomes.next();
      job.awaiting++;
      return job.outcomes.next(options).finally(() => {
        job.awaiting--;
      });
    },
    async whenStored(filename, { renditionId, index }, { signal, holder }) {
      for (;;) {
        const job = jobs.get(filename);
        if (!job) return 'stored';
        if (!job.isLoaded) {
          await job.changes.next({ signal });
          continue;
        }
        const active = job.renditions.find(({ rendition }) => rendition.id === renditionId);
        if (!active || !isWithin(job.timeline, index)) return 'gone';
        return covers(active.coverage, index) ? 'stored' : active.waiters.wait(index, { signal, holder });
      }
    },
  };
}
