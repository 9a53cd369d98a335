/**
 * Fills the gaps. The encode of a rendition is the set of its missing segments; runs of ffmpeg fill it in the order that
 * the planner gives. What is stored is never encoded again, so taking up work after a crash and starting anew are the
 * same thing.
 */
import { createDeferred } from '../concurrency/deferred.ts';
import { assertTransition } from '../tracks/status.ts';
import type { Track } from '../tracks/track.ts';
import type { Encoder, EncoderOptions } from './encoder.ts';
import { environmentFault } from './environment-fault.ts';
import {
  createJob,
  type Interruption,
  isComplete,
  isPlayable,
  type Job,
  type LiveRun,
  type LiveRung,
  type LiveState,
  lacks,
  liveState,
  loadJob,
  unload,
} from './job.ts';
import { createOutcomes } from './outcomes.ts';
import { createRunner } from './runner.ts';
import { createScheduler, type Scheduler } from './scheduler.ts';
import { outstandingRoom } from './segment-room.ts';
import { createWaits } from './waits.ts';

export type { Encoder, Interruption, LiveState };

const RETRIES = 1;
/** Between two looks whether the machine is well again: at first, and in the end. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;

export function createEncoder(options: EncoderOptions): Encoder {
  const { storage, library, log, trackEvents } = options;
  const jobs = new Map<string, Job>();
  const outcomes = createOutcomes(options);
  let closed = false;

  const runner = createRunner({
    ...options,
    onStored(job, rung, index) {
      rung.holds.release(index);
      if (isPlayable(job)) job.playable.resolve();
      // What people see first is told at once, the rest now and then.
      if (index === 0 && isPlayable(job)) trackEvents.changed(job.track.filename);
      else trackEvents.progressed(job.track.filename);
      if (isPlayable(job)) outcomes.lookPastEnd(job);
      if (index !== 'init') scheduler.published(job);
    },
  });

  const scheduler: Scheduler = createScheduler({
    jobs: () => jobs.values(),
    concurrency: options.concurrency,
    levels: options.tools.then(({ background }) => background.length),
    startRun: runner.start,
    async onEnded(job, rung, run, error) {
      try {
        if (isComplete(job)) await complete(job);
        else if (error !== undefined) await mend(job, rung, run, error);
      } catch (failure) {
        await giveUp(job, failure);
      }
    },
  });

  /** @throws what the track fails with. */
  const mend = async (job: Job, rung: LiveRung, run: LiveRun, error: unknown) => {
    const change = await outcomes.correction(job, rung, error);
    // Meanwhile it ended, or is being loaded anew: what failed is tried again then.
    if (job.isPaused) return;
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
    unload(job);
    await scheduler.endRuns(job, 'changed');
    await change();
    await load(job);
  };

  const load = async (job: Job): Promise<void> => {
    const { filename } = job.track;
    job.lost.clear();
    const [stored, segments] = await Promise.all([library.get(filename), storage.listSegments(filename)]);
    const track = stored && (await outcomes.prepared(stored, job.controller.signal));
    // A segment was lost meanwhile.
    if (job.lost.size > 0) return load(job);
    if (!track || job.controller.signal.aborted) return settle(job, async () => 'deleted');
    loadJob(job, track, segments, scheduler.scheduleSoon);
    for (const rung of job.rungs) {
      rung.holds.end('gone', (index) => index !== 'init' && index >= job.timeline.segmentCount);
      for (const index of rung.coverage.stored) rung.holds.release(index);
      if (rung.coverage.hasInit) rung.holds.release('init');
    }
    job.loaded.resolve();
    if (isPlayable(job)) job.playable.resolve();
    if (isComplete(job)) return complete(job);
    job.isPaused = false;
  };

  /** All segments are stored: the track is ready, unless one of them turns out to be lost, or its source to go on. */
  const complete = async (job: Job) => {
    job.isPaused = true;
    await scheduler.endRuns(job, 'complete');
    if (job.lost.size > 0) return load(job);
    const change = await outcomes.lateEnd(job);
    return change ? reload(job, change) : settle(job, () => outcomes.finish(job));
  };

  /** @returns the track where it is processed from now on. */
  const reopen = async (filename: string): Promise<Track | undefined> => {
    const track = await library.update(filename, (current) => {
      if (current.status !== 'ready' || current.upload === null) return current;
      assertTransition('ready', 'processing');
      return { ...current, status: 'processing' };
    });
    return track?.status === 'processing' ? track : undefined;
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
    const { aborted } = job.controller.signal;
    if (result === null && !aborted) return waitOut(job);
    // A segment was lost while the record was written: the track is not ready, whatever the record says.
    if (job.lost.size > 0 && !aborted && (await reopen(job.track.filename))) return load(job);
    jobs.delete(job.track.filename);
    job.settled.resolve(
      job.controller.signal.aborted ? (job.controller.signal.reason as Interruption) : (result ?? 'stopped'),
    );
    job.loaded.resolve();
    job.playable.resolve();
    const outcomeOfHolds = job.controller.signal.reason === 'stopped' ? 'stopped' : 'gone';
    for (const rung of job.rungs) rung.holds.end(outcomeOfHolds);
    trackEvents.changed(job.track.filename);
    scheduler.schedule();
  };

  /** A job has failed: for good where the failure is its own. */
  const giveUp = async (job: Job, error: unknown) => {
    job.isPaused = true;
    await scheduler.endRuns(job, 'failed');
    // Being stopped or deleted in the middle of a correction is no failure.
    const { aborted, reason } = job.controller.signal;
    if (aborted) return settle(job, async () => reason as Interruption);
    const trouble = await environmentFault(error, options);
    // What failed just before the machine was mended did not fail by itself: a job that has waited is tried once more.
    const isMendedNow = trouble === null && job.waits > 0 && !job.retriedAfterRecovery;
    if (trouble === null && !isMendedNow) return settle(job, () => outcomes.fail(job, error));
    job.retriedAfterRecovery = isMendedNow;
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

  const start = (track: Track, holder = '') => {
    if (closed || jobs.has(track.filename)) return;
    const job = createJob(track, holder);
    scheduler.join(job);
    jobs.set(track.filename, job);
    takeUp(job);
  };

  const takeUp = (job: Job, step: () => Promise<void> = () => load(job)) => {
    step()
      .catch((error: unknown) => giveUp(job, error))
      .then(scheduler.schedule)
      .catch((error: unknown) => log.error({ err: error }, 'a track could not be taken up'));
  };

  return {
    start,
    async repair(filename, segmentName) {
      const before = jobs.get(filename);
      // A run may be publishing the segment just now.
      if (before && lacks(before, segmentName)) return 'under way';
      await storage.removeSegment(filename, segmentName);
      const job = jobs.get(filename);
      if (!job) {
        const track = await reopen(filename);
        if (track) start(track);
        return track ? 'started' : 'impossible';
      }
      job.lost.add(segmentName);
      unload(job);
      // A paused job looks at this itself, before it goes on and before it ends.
      if (!job.isPaused) takeUp(job, () => reload(job, async () => {}));
      return 'started';
    },
    ...createWaits(jobs, library),
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
