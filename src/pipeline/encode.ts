/**
 * Fills the gaps. The encode of a rendition is the set of its missing segments; runs of ffmpeg fill it in the order that
 * the planner gives. What is stored is never encoded again, so taking up work after a crash and starting anew are the
 * same thing.
 */
import type { Logger } from 'pino';
import { createDeferred } from '../deferred.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import type { Tools } from '../media/launcher.ts';
import type { SelfTest } from '../media/self-test.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import type { Feed } from './feed.ts';
import type { HoldOutcome } from './holds.ts';
import {
  createJob,
  type Interruption,
  isComplete,
  isPlayable,
  type Job,
  type LiveRun,
  type LiveRung,
  type LiveState,
  liveState,
  loadJob,
} from './job.ts';
import { createOutcomes } from './outcomes.ts';
import { createRunner } from './runner.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { machineTrouble } from './trouble.ts';

export type { Interruption, LiveState };

export interface Encoder {
  /** Takes up a track whose status is `processing`. Does nothing when it is taken up already. */
  start(track: Track): void;
  /** A track that is to have lost a segment: looks anew what is stored of it, and fills the gaps. */
  recheck(track: Track): Promise<void>;
  /** Resolves when the track can be played, or will not come to it: with its record, or with why there is none. */
  whenPlayable(filename: string): Promise<Track | Interruption>;
  /** Resolves when the track is processed no more: with its record, or with why there is no outcome. */
  whenSettled(filename: string): Promise<Track | Interruption>;
  /**
   * Resolves when a segment is stored, or will never be; at once for a track that is not processed. Rejects with the
   * signal's reason.
   *
   * @param segment counted from 0.
   */
  whenStored(
    filename: string,
    segment: { renditionId: string; index: number | 'init' },
    signal: AbortSignal,
  ): Promise<HoldOutcome>;
  /** Stops processing a track; once it resolves nothing of it runs and nothing more is written. */
  cancel(filename: string): Promise<void>;
  live(filename: string): LiveState | undefined;
  /** Tracks that are processed or wait for it. */
  readonly waiting: number;
  /** Stops everything; what is unfinished is taken up at the next start. */
  close(): Promise<void>;
}

export interface EncoderOptions {
  library: Library;
  storage: Storage;
  feed: Feed;
  log: Logger;
  tools: Promise<Tools>;
  selfTest: SelfTest;
  governor: Governor;
  concurrency: number;
  keepOriginals: boolean;
  maxDurationSeconds: number;
}

const RETRIES = 1;
/** Between two looks whether the machine is well again: at first, and in the end. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export function createEncoder(options: EncoderOptions): Encoder {
  const { storage, library, log, feed } = options;
  const jobs = new Map<string, Job>();
  const outcomes = createOutcomes(options);
  let closed = false;

  const runner = createRunner({
    ...options,
    onStored(job, rung, index) {
      rung.holds.release(index);
      if (isPlayable(job)) job.playable.resolve();
      // What people see first is told at once, the rest now and then.
      if (index === 0 && isPlayable(job)) feed.changed(job.track.filename);
      else feed.progressed(job.track.filename);
      scheduler.schedule();
    },
  });

  const scheduler: Scheduler = createScheduler({
    jobs: () => jobs.values(),
    concurrency: options.concurrency,
    startRun: runner.start,
    async onEnded(job, rung, run, error) {
      try {
        if (isComplete(job)) await settle(job, () => outcomes.finish(job));
        else if (error !== undefined) await mend(job, rung, run, error);
      } catch (failure) {
        await giveUp(job, failure);
      }
    },
  });

  /** @throws what the track fails with. */
  const mend = async (job: Job, rung: LiveRung, run: LiveRun, error: unknown) => {
    const change = await outcomes.correction(job, rung, error);
    if (change) return reload(job, change);
    const failures = (rung.failures.get(run.next) ?? 0) + 1;
    rung.failures.set(run.next, failures);
    if (failures > RETRIES) throw error;
    log.warn(
      { filename: job.track.filename, segment: run.next, err: error },
      'a run failed and is tried again',
    );
  };

  /** Stops all runs of a job, sets right what is stored, and goes on. */
  const reload = async (job: Job, change: () => Promise<void>) => {
    job.isPaused = true;
    // Until it is known again what is stored, who asks waits.
    job.loaded = createDeferred();
    await scheduler.endRuns(job, 'changed');
    await change();
    await load(job);
  };

  const load = async (job: Job) => {
    const { filename } = job.track;
    const [track, segments] = await Promise.all([library.get(filename), storage.listSegments(filename)]);
    if (!track || job.controller.signal.aborted) return settle(job, async () => 'deleted');
    loadJob(job, track, segments, scheduler.schedule);
    for (const rung of job.rungs) {
      rung.holds.giveUp('gone', (index) => index !== 'init' && index >= job.timeline.segmentCount);
      for (const index of rung.coverage.stored) rung.holds.release(index);
      if (rung.coverage.hasInit) rung.holds.release('init');
    }
    job.loaded.resolve();
    if (isPlayable(job)) job.playable.resolve();
    if (isComplete(job)) return settle(job, () => outcomes.finish(job));
    job.isPaused = false;
  };

  /** The end of a job, whatever it is; who waits is told. */
  const settle = async (job: Job, outcome: () => Promise<Track | Interruption>) => {
    if (jobs.get(job.track.filename) !== job) return;
    job.isPaused = true;
    await scheduler.endRuns(job, 'settled');
    const result = await outcome().catch((error: unknown) => {
      log.error(
        { filename: job.track.filename, err: error },
        'the outcome of processing could not be stored',
      );
      return null;
    });
    if (result === null && !job.controller.signal.aborted) return waitOut(job);
    jobs.delete(job.track.filename);
    job.settled.resolve(
      job.controller.signal.aborted ? (job.controller.signal.reason as Interruption) : (result ?? 'stopped'),
    );
    job.loaded.resolve();
    job.playable.resolve();
    const outcomeOfHolds = job.controller.signal.reason === 'stopped' ? 'stopped' : 'gone';
    for (const rung of job.rungs) rung.holds.giveUp(outcomeOfHolds);
    feed.changed(job.track.filename);
    scheduler.schedule();
  };

  /** A job has failed: for good where the failure is its own. */
  const giveUp = async (job: Job, error: unknown) => {
    job.isPaused = true;
    await scheduler.endRuns(job, 'failed');
    // Being stopped or deleted in the middle of a correction is no failure.
    const { aborted, reason } = job.controller.signal;
    if (aborted) return settle(job, async () => reason as Interruption);
    const trouble = await machineTrouble(error, options);
    // What failed just before the machine was mended did not fail by itself: a job that has waited is tried once more.
    const isMendedNow = trouble === null && job.waits > 0 && !job.hasTriedWell;
    if (trouble === null && !isMendedNow) return settle(job, () => outcomes.fail(job, error));
    job.hasTriedWell = isMendedNow;
    if (isMendedNow)
      log.warn({ filename: job.track.filename, err: error }, 'all is well again: tried once more');
    else
      log.error(
        { filename: job.track.filename, err: error, trouble },
        'processing waits until this is mended',
      );
    await waitOut(job);
  };

  /** The machine is not well: who waits for an outcome is told that there is none yet; the job goes on later. */
  const waitOut = async (job: Job): Promise<void> => {
    if (job.controller.signal.aborted) return settle(job, async () => 'stopped');
    const { settled, playable } = job;
    job.settled = createDeferred();
    if (!isPlayable(job)) job.playable = createDeferred();
    settled.resolve('stopped');
    playable.resolve();
    for (const rung of job.rungs) rung.failures.clear();
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** job.waits++);
    job.resume = setTimeout(() => {
      job.resume = undefined;
      takeUp(job);
    }, wait);
    job.resume.unref();
    scheduler.schedule();
  };

  const interrupt = async (job: Job, reason: Interruption) => {
    job.controller.abort(reason);
    // Where an outcome is being stored just now, that is waited for.
    const { settled } = job;
    if (!job.isPaused || job.resume) {
      clearTimeout(job.resume);
      job.resume = undefined;
      await settle(job, async () => reason);
    }
    await settled.promise;
  };

  const start = (track: Track) => {
    if (closed || jobs.has(track.filename)) return;
    const job = createJob(track);
    jobs.set(track.filename, job);
    takeUp(job);
  };

  const takeUp = (job: Job) => {
    load(job)
      .catch((error: unknown) => giveUp(job, error))
      .then(scheduler.schedule)
      .catch((error: unknown) => log.error({ err: error }, 'a track could not be taken up'));
  };

  return {
    start,
    async recheck(track) {
      const job = jobs.get(track.filename);
      if (!job) return start(track);
      if (job.isPaused) return;
      await reload(job, async () => {});
      scheduler.schedule();
    },
    async whenPlayable(filename) {
      const job = jobs.get(filename);
      if (!job) return (await library.get(filename)) ?? 'deleted';
      // Both may be replaced while it waits for the machine.
      const { playable, settled } = job;
      await playable.promise;
      return isPlayable(job) && jobs.get(filename) === job ? job.track : settled.promise;
    },
    async whenSettled(filename) {
      const job = jobs.get(filename);
      return job ? job.settled.promise : ((await library.get(filename)) ?? 'deleted');
    },
    async whenStored(filename, { renditionId, index }, signal) {
      const job = jobs.get(filename);
      if (!job) return 'stored';
      await job.loaded.promise;
      const rung = job.rungs.find(({ rendition }) => rendition.id === renditionId);
      if (!rung || (index !== 'init' && index >= job.timeline.segmentCount)) return 'gone';
      const isStored = index === 'init' ? rung.coverage.hasInit : rung.coverage.stored.has(index);
      if (isStored || jobs.get(filename) !== job) return 'stored';
      return rung.holds.wait(index, signal);
    },
    async cancel(filename) {
      const job = jobs.get(filename);
      if (job) await interrupt(job, 'deleted');
    },
    live(filename) {
      const job = jobs.get(filename);
      return job && liveState(job);
    },
    get waiting() {
      return jobs.size;
    },
    async close() {
      closed = true;
      scheduler.close();
      await Promise.all([...jobs.values()].map((job) => interrupt(job, 'stopped')));
    },
  };
}
