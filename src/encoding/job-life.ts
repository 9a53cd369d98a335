/**
 * The life of a job, from top to bottom. It is one loop over named states; each state says what comes next.
 *
 *     load         looks what is stored            then encode, publish, or the end where the record is gone
 *     encode       lets runs fill the gaps         then publish, repair or fail
 *     publish      records the track as ready      then the end, load, repair or back off
 *     repair       sets right what is stored       then load
 *     fail         judges a failure                then the end or back off
 *     back off     waits for the machine           then load
 *     interrupted  ends all runs                   then the end
 *
 * A throw in any state leads to `fail`, an interruption to `interrupted` and the end. Only one state is at work at a time.
 * Whatever happens meanwhile waits: runs that end in `job.events`, segments that go missing in `job.lost`.
 */
import { unlessAborted } from '../concurrency/deferred.ts';
import { sleep } from '../concurrency/sleep.ts';
import type { Track } from '../tracks/track.ts';
import { covers } from './coverage.ts';
import type { EncoderOptions, Interruption } from './encoder.ts';
import { environmentFault } from './environment-fault.ts';
import type { Finishing } from './finishing.ts';
import { isComplete, isPlayable, isWithin, type Job, type JobEvent, setStored } from './job.ts';
import type { Repair, Repairs } from './repairs.ts';
import type { Scheduler } from './scheduler.ts';

export interface JobLifeOptions
  extends Pick<EncoderOptions, 'library' | 'storage' | 'selfTest' | 'trackEvents' | 'log'> {
  finishing: Finishing;
  repairs: Repairs;
  scheduler: Scheduler;
  /** Runs before the first look at what is stored. Must not reject. */
  before: (() => Promise<void>) | undefined;
  /** Called in the same moment in which its waiters are told the outcome: from then on nobody may find the job. */
  onEnd(job: Job): void;
}

/** A state to be taken up, with what it is about. */
type Step =
  | { state: 'load' | 'encode' | 'publish' | 'back off' | 'interrupted' }
  | { state: 'repair'; repair: Repair }
  | { state: 'fail'; error: unknown };

type NextStep = Step | { state: 'end'; outcome: Track | Interruption };

const RETRIES = 1;
/** Between two tries while the machine is at fault: the first wait, and the longest. */
const FIRST_BACK_OFF_MS = 1000;
const LONGEST_BACK_OFF_MS = 30_000;

/** Processes a job until its end. Never rejects. */
export async function processJob(job: Job, options: JobLifeOptions): Promise<void> {
  const { library, storage, selfTest, trackEvents, log, finishing, repairs, scheduler } = options;
  const { signal } = job.controller;
  let { before } = options;
  let backOffs = 0;
  let retriedAfterRecovery = false;

  const take = (step: Step): Promise<NextStep> => {
    switch (step.state) {
      case 'load':
        return load();
      case 'encode':
        return encode();
      case 'publish':
        return publish();
      case 'repair':
        return repairAndLoad(step.repair);
      case 'fail':
        return fail(step.error);
      case 'back off':
        return backOff();
      case 'interrupted':
        return interrupted();
    }
  };

  /** Looks what is stored. */
  const load = async (): Promise<NextStep> => {
    await before?.();
    before = undefined;
    job.lost.clear();
    // Nothing runs: these are of runs from before.
    job.events.clear();
    const [stored, segments] = await Promise.all([
      library.get(job.track.filename),
      storage.listSegments(job.track.home),
    ]);
    const track = stored && (await repairs.prepared(stored, signal));
    if (job.lost.size > 0) return { state: 'load' };
    if (!track) return { state: 'end', outcome: 'deleted' };
    // Its outcome was recorded, and the answer of the database was lost.
    if (track.status === 'failed') return { state: 'end', outcome: track };
    setStored(job, track, segments, scheduler.scheduleSoon);
    for (const { waiters, coverage } of job.renditions) {
      waiters.end('gone', (index) => !isWithin(job.timeline, index));
      waiters.end('stored', (index) => covers(coverage, index));
    }
    job.isLoaded = true;
    job.changes.send();
    // A track with early segments is playable before a run has made one.
    if (isPlayable(job)) trackEvents.changed(job.track.filename);
    return { state: isComplete(job) ? 'publish' : 'encode' };
  };

  /** Lets the scheduler start runs until something happens that they cannot go on with. */
  const encode = async (): Promise<NextStep> => {
    for (;;) {
      if (job.lost.size > 0) return { state: 'repair', repair: async () => {} };
      scheduler.schedule();
      const event = await job.events.next({ signal });
      const next = event.kind === 'run ended' && (await afterRun(event));
      if (next) return next;
    }
  };

  /** Resolves with what comes next where the runs cannot go on. */
  const afterRun = async ({
    active,
    run,
    error,
  }: Extract<JobEvent, { kind: 'run ended' }>): Promise<Step | undefined> => {
    if (isComplete(job)) return { state: 'publish' };
    if (error === undefined) return undefined;
    const repair = await repairs.ofRun(job, active, error);
    if (repair) return { state: 'repair', repair };
    const failures = (active.failures.get(run.next) ?? 0) + 1;
    active.failures.set(run.next, failures);
    if (failures > RETRIES) return { state: 'fail', error };
    log.warn({ filename: job.track.filename, segment: run.next, err: error }, 'retrying a failed run');
    return undefined;
  };

  /** All segments are stored: records the track as ready, unless one of them is lost or its source goes on after N. */
  const publish = async (): Promise<NextStep> => {
    await scheduler.endRuns(job);
    if (job.lost.size > 0) return { state: 'load' };
    const repair = await repairs.ofEnd(job);
    return repair ? { state: 'repair', repair } : record(() => finishing.finish(job));
  };

  /** Sets right what is stored while nothing runs. */
  const repairAndLoad = async (repair: Repair): Promise<NextStep> => {
    job.isLoaded = false;
    await scheduler.endRuns(job);
    await repair();
    return { state: 'load' };
  };

  /** Records the track as failed, unless the machine is at fault. */
  const fail = async (error: unknown): Promise<NextStep> => {
    await scheduler.endRuns(job);
    const { filename } = job.track;
    const fault = await unlessAborted(environmentFault(error, { storage, selfTest }), signal);
    // The failure may have been the last one of a machine that has recovered since.
    const isRecovered = fault === null && backOffs > 0 && !retriedAfterRecovery;
    if (fault === null && !isRecovered) return record(() => finishing.fail(job, error));
    retriedAfterRecovery = isRecovered;
    if (isRecovered) log.warn({ filename, err: error }, 'retrying after recovery');
    else log.error({ filename, err: error, fault }, 'processing waits for the machine to recover');
    return { state: 'back off' };
  };

  /** Tells its waiters that there is no outcome yet, and goes on some time later. */
  const backOff = async (): Promise<NextStep> => {
    job.outcomes.send('stopped');
    for (const { failures } of job.renditions) failures.clear();
    await sleep(Math.min(LONGEST_BACK_OFF_MS, FIRST_BACK_OFF_MS * 2 ** backOffs++), { signal });
    return { state: 'load' };
  };

  /** Ends with an outcome once it is stored. An outcome that cannot be stored is the machine's fault. */
  const record = async (store: () => Promise<Track | Interruption>): Promise<NextStep> => {
    const { filename } = job.track;
    try {
      const outcome = await store();
      // A segment that is lost while the record is written: the track is not ready, whatever its record says.
      if (job.lost.size > 0 && !signal.aborted && (await finishing.reopen(filename)))
        return { state: 'load' };
      return { state: 'end', outcome };
    } catch (error) {
      log.error({ filename, err: error }, 'storing the outcome failed');
      return { state: 'back off' };
    }
  };

  const interrupted = async (): Promise<NextStep> => {
    await scheduler.endRuns(job);
    return { state: 'end', outcome: signal.reason as Interruption };
  };

  /** Returns what follows a state that has thrown. */
  const afterThrow = ({ state }: Step, error: unknown): Step => {
    if (state !== 'fail') return { state: 'fail', error };
    if (!signal.aborted) log.error({ filename: job.track.filename, err: error }, 'judging a failure failed');
    return { state: 'back off' };
  };

  const end = (outcome: Track | Interruption) => {
    options.onEnd(job);
    job.outcomes.send(outcome);
    job.changes.send();
    for (const { waiters } of job.renditions) waiters.end(outcome === 'stopped' ? 'stopped' : 'gone');
    trackEvents.changed(job.track.filename);
    scheduler.schedule();
  };

  let step: NextStep = { state: 'load' };
  for (;;) {
    job.state = step.state;
    if (step.state === 'end') return end(step.outcome);
    const current: Step = step;
    const next: NextStep = await take(current).catch((error: unknown) => afterThrow(current, error));
    const isInterrupted: boolean = signal.aborted && current.state !== 'interrupted';
    step = isInterrupted ? { state: 'interrupted' } : next;
  }
}
