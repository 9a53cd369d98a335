/**
 * Fills the gaps. The encode of a rendition is the set of its missing segments; runs of ffmpeg fill it in the order that
 * the planner gives. A stored segment is never encoded again, so resuming after a crash and starting afresh are the same.
 *
 * This file holds the tracks that are being processed; `job-life.ts` says what happens to each.
 */
import type { Track } from '../tracks/track.ts';
import type { Encoder, EncoderOptions, Interruption, StartOptions } from './encoder.ts';
import { createFinishing } from './finishing.ts';
import { createJob, isPlayable, type Job, lacks, loseSegment } from './job.ts';
import { processJob } from './job-life.ts';
import { progressOf } from './progress.ts';
import { createRepairs } from './repairs.ts';
import { createRunner } from './runner.ts';
import { createScheduler } from './scheduler.ts';
import { outstandingRoom } from './segment-room.ts';
import { createWaits } from './waits.ts';

export function createEncoder(options: EncoderOptions): Encoder {
  const { storage, library, trackEvents } = options;
  const jobs = new Map<string, Job>();
  /** The lives of jobs; each resolves at its end. */
  const lives = new WeakMap<Job, Promise<void>>();
  const finishing = createFinishing(options);
  const repairs = createRepairs(options);
  let closed = false;

  const runner = createRunner({
    ...options,
    onStored(job, active, index) {
      active.waiters.release(index);
      const tells = isPlayable(job);
      const isFirst = index === 0 || index === 'init';
      if (tells && isFirst) job.changes.send();
      // Clients are told at once that a track can be played, and of its progress now and then.
      if (tells && index === 0) trackEvents.changed(job.track.filename);
      else trackEvents.progressed(job.track.filename);
      if (tells) repairs.lookPastEnd(job);
      if (index !== 'init') scheduler.published(job);
    },
  });

  const scheduler = createScheduler({
    jobs,
    concurrency: options.concurrency,
    levels: options.tools.then(({ background }) => background.length),
    startRun: runner.start,
  });

  const onEnd = (job: Job) => void jobs.delete(job.track.filename);

  const start = (track: Track, { holder = '', before }: StartOptions = {}) => {
    if (closed || jobs.has(track.filename)) return;
    const job = createJob(track, holder);
    scheduler.join(job);
    jobs.set(track.filename, job);
    lives.set(job, processJob(job, { ...options, finishing, repairs, scheduler, onEnd, before }));
  };

  const interrupt = async (job: Job, reason: Interruption) => {
    job.controller.abort(reason);
    await lives.get(job);
  };

  return {
    start,
    async repair({ filename, home }, segmentName) {
      const before = jobs.get(filename);
      // A run may be publishing the segment just now.
      if (before && lacks(before, segmentName)) return 'under way';
      await storage.removeSegment(home, segmentName);
      const job = jobs.get(filename);
      if (job) {
        loseSegment(job, segmentName);
        return 'started';
      }
      const track = await finishing.reopen(filename);
      if (track) start(track);
      return track ? 'started' : 'impossible';
    },
    ...createWaits(jobs, library),
    async cancel(filename) {
      const job = jobs.get(filename);
      if (job) await interrupt(job, 'deleted');
    },
    async release(filename) {
      const job = jobs.get(filename);
      if (job) await interrupt(job, 'stopped');
    },
    readProgress: async () => {},
    progressOf(filename) {
      const job = jobs.get(filename);
      return job && progressOf(job);
    },
    get isBusy() {
      return scheduler.isBusy;
    },
    get waiting() {
      return jobs.size;
    },
    get outstanding() {
      return outstandingRoom(jobs.values());
    },
    async close() {
      closed = true;
      scheduler.close();
      await Promise.all([...jobs.values()].map((job) => interrupt(job, 'stopped')));
    },
  };
}
