/** Waiting for what becomes of a track or of a segment. */
import { unlessAborted } from '../concurrency/deferred.ts';
import type { Library } from '../library/library.ts';
import type { Track } from '../tracks/track.ts';
import type { Encoder } from './encoder.ts';
import { isPlayable, type Job } from './job.ts';

export type Waits = Pick<Encoder, 'whenPlayable' | 'whenSettled' | 'whenStored'>;

/** @param jobs the tracks that are being processed, by filename. */
export function createWaits(jobs: ReadonlyMap<string, Job>, library: Library): Waits {
  const withoutJob = async (filename: string): Promise<Track | 'deleted'> =>
    (await library.get(filename)) ?? 'deleted';

  return {
    async whenPlayable(filename) {
      const job = jobs.get(filename);
      if (!job) return withoutJob(filename);
      // Both may be replaced while it waits for the machine.
      const { playable, settled } = job;
      await playable.promise;
      return isPlayable(job) && jobs.get(filename) === job ? job.track : settled.promise;
    },
    async whenSettled(filename, options) {
      const job = jobs.get(filename);
      if (!job) return withoutJob(filename);
      if (!options) return job.settled.promise;
      job.awaiting++;
      return unlessAborted(job.settled.promise, options.signal).finally(() => {
        job.awaiting--;
      });
    },
    async whenStored(filename, { renditionId, index }, { signal, holder }) {
      for (;;) {
        const job = jobs.get(filename);
        if (!job) return 'stored';
        await unlessAborted(job.loaded.promise, signal);
        // The job ended, or has to be loaded again: what it says is stored may be lost.
        if (jobs.get(filename) !== job || job.lost.size > 0) continue;
        const rung = job.rungs.find(({ rendition }) => rendition.id === renditionId);
        if (!rung || (index !== 'init' && index >= job.timeline.segmentCount)) return 'gone';
        const isStored = index === 'init' ? rung.coverage.hasInit : rung.coverage.stored.has(index);
        return isStored ? 'stored' : rung.holds.wait(index, { signal, holder });
      }
    },
  };
}
