/**
 * Finds the facts of ready tracks in the background: one track at a time, and only while no client needs the processors. What is
 * left undone is in the records, `analysis.status` being `pending`: the next start goes on with it.
 */
import type { Logger } from 'pino';
import { createBroadcast } from '../concurrency/broadcast.ts';
import { sleep } from '../concurrency/sleep.ts';
import { environmentFault } from '../encoding/environment-fault.ts';
import type { SelfTest } from '../encoding/self-test.ts';
import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { Analysis } from '../tracks/facts.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';
import type { LiveWaveforms } from './live-waveforms.ts';
import type { PendingTracks } from './pending-tracks.ts';
import { StuckError } from './resting.ts';
import { isPending, settleAnalysis } from './settle.ts';
import type { FactsContext, FactsStep } from './step.ts';

export interface FactsJob {
  /** Begins to work. */
  start(): void;
  /** Ends the work on a track that is being deleted. Once it resolves nothing is written for it, until `release`. */
  cancel(filename: string): Promise<void>;
  /** Notes that a deletion is over. A track that is still there is taken up again. */
  release(filename: string): void;
  /** Ends all work; the next start goes on. */
  close(): Promise<void>;
}

export interface FactsJobOptions {
  pending: PendingTracks;
  library: Library;
  storage: Storage;
  trackEvents: TrackEvents;
  tools: Promise<Tools>;
  selfTest: SelfTest;
  log: Logger;
  liveWaveforms: LiveWaveforms;
  keepOriginals: boolean;
  isBusy(): boolean;
  /** The first wait while the machine is at fault; tests have a shorter one. */
  firstBackOffMs?: number;
  /** Steps before the analysis: one that fails keeps no other from its work. */
  steps: readonly FactsStep[];
  analyse: FactsStep;
}

/** Looks while clients need the processors. */
const BUSY_LOOK_MS = 100;
/** Looks while all that is pending is being deleted. */
const LEAVING_LOOK_MS = 100;
/** Between two tries while the machine is at fault: the first wait, and the longest. */
const FIRST_BACK_OFF_MS = 1000;
const LONGEST_BACK_OFF_MS = 60_000;
/** A decode that got stuck so often is the fault of its file. */
const MOST_STUCK = 3;

const FAILED: Analysis = { status: 'failed', from: null, loudness: null };

interface Work {
  filename: string;
  home: string;
  controller: AbortController;
  over: Promise<void>;
}

export function createFactsJob(options: FactsJobOptions): FactsJob {
  const { pending, library, storage, trackEvents, selfTest, log, isBusy } = options;
  const { firstBackOffMs = FIRST_BACK_OFF_MS } = options;
  const closing = new AbortController();
  const woken = createBroadcast<void>();
  const stuck = new Map<string, number>();
  /** Names of tracks that are being deleted. */
  const leaving = new Set<string>();
  let hasNews = false;
  let work: Work | undefined;
  let working: Promise<void> = Promise.resolve();
  let backOffs = 0;

  const contextOf = async (signal: AbortSignal): Promise<FactsContext> => {
    const { liveWaveforms, keepOriginals } = options;
    const tools = await options.tools;
    return { library, storage, tools, log, signal, isBusy, liveWaveforms, keepOriginals };
  };

  const failureOf = (error: unknown) =>
    error instanceof FfmpegError
      ? { err: error, command: error.command, stderr: error.stderr }
      : { err: error };

  /** Resolves with whether the machine is at fault, and the track has to wait for it. */
  const isOfMachine = async (track: Track, error: unknown): Promise<boolean> => {
    const { filename, home } = track;
    if (error instanceof StuckError) {
      const times = (stuck.get(home) ?? 0) + 1;
      stuck.set(home, times);
      if (times < MOST_STUCK) log.warn({ filename, err: error }, 'analysis is tried again');
      return times < MOST_STUCK;
    }
    const fault = await environmentFault(error, { storage, selfTest });
    if (fault !== null)
      log.warn({ filename, err: error, fault }, 'analysis waits for the machine to recover');
    return fault !== null;
  };

  /** Resolves with true where the track has to be taken up again. */
  const findFacts = async (track: Track, signal: AbortSignal): Promise<boolean> => {
    const { filename, home } = track;
    const context = await contextOf(signal);
    for (const step of [...options.steps, options.analyse]) {
      const now = await library.get(filename);
      if (!now || now.home !== home || !isPending(now)) return false;
      try {
        await step(now, context);
      } catch (error) {
        if (signal.aborted) return false;
        if (await isOfMachine(track, error)) return true;
        const isAnalysis = step === options.analyse;
        log.error({ filename, ...failureOf(error) }, isAnalysis ? 'analysis failed' : 'reading facts failed');
        if (isAnalysis) await settleAnalysis(now, FAILED, context);
      }
      if ((await library.get(filename)) !== now) trackEvents.changed(filename);
    }
    stuck.delete(home);
    const now = await library.get(filename);
    // Its length was corrected meanwhile.
    return now?.home === home && isPending(now);
  };

  const workOn = async (track: Track): Promise<void> => {
    // Aborted by `close` as well. Not AbortSignal.any: each call leaves 70 bytes with a signal that lives as long (Node 20).
    const controller = new AbortController();
    const { signal } = controller;
    const { filename, home } = track;
    let again = true;
    const over = findFacts(track, signal)
      .then((isLeft) => {
        again = isLeft;
      })
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ filename, err: error }, 'the facts of a track are left for later');
      });
    work = { filename, home, controller, over };
    await over;
    work = undefined;
    // Where the server stops another one may take it at once. A deletion may fail.
    await pending.giveBack(track, { again: (again && !signal.aborted) || leaving.has(filename) });
    backOffs = again ? backOffs + 1 : 0;
    if (again) await sleep(backOffMs(), { signal: closing.signal });
  };

  const backOffMs = () => Math.min(LONGEST_BACK_OFF_MS, firstBackOffMs * 2 ** (backOffs - 1));

  const nextWake = async () => {
    const { lookEveryMs } = pending;
    const over = new AbortController();
    const onClose = () => over.abort(closing.signal.reason);
    closing.signal.addEventListener('abort', onClose, { once: true });
    const waits = [woken.next({ signal: over.signal })];
    if (lookEveryMs !== undefined) waits.push(sleep(lookEveryMs, { signal: over.signal }));
    // The one that comes second rejects.
    for (const wait of waits) wait.catch(() => {});
    try {
      await Promise.race(waits);
    } finally {
      closing.signal.removeEventListener('abort', onClose);
      over.abort(new Error('woken'));
    }
  };

  const workOnAll = async () => {
    const { signal } = closing;
    while (!signal.aborted) {
      try {
        while (isBusy()) await sleep(BUSY_LOOK_MS, { signal });
        hasNews = false;
        const track = await pending.take();
        if (!track) {
          if (!hasNews) await nextWake();
        } else if (signal.aborted) await pending.giveBack(track, { again: false });
        else if (leaving.has(track.filename)) {
          await pending.giveBack(track, { again: true });
          await sleep(LEAVING_LOOK_MS, { signal });
        } else await workOn(track);
      } catch (error) {
        if (signal.aborted) return;
        log.debug({ err: error }, 'pending tracks are looked for later');
        await sleep(FIRST_BACK_OFF_MS, { signal }).catch(() => {});
      }
    }
  };

  /** Another node may have deleted the track that this one works on. */
  const endIfGone = async ({ filename, home, controller }: Work) => {
    const track = await library.get(filename);
    if (track?.home !== home) controller.abort(new Error('the track is deleted'));
  };

  const heard = (filename: string) => {
    if (work?.filename === filename) {
      endIfGone(work).catch(() => {});
      return;
    }
    const track = library.peek(filename);
    if (!track || !isPending(track)) return;
    pending.offer(filename);
    hasNews = true;
    woken.send();
  };
  const stopListening = trackEvents.listen(heard, { progress: false });

  return {
    start() {
      working = workOnAll();
    },
    async cancel(filename) {
      leaving.add(filename);
      if (work?.filename !== filename) return;
      const { controller, over } = work;
      controller.abort(new Error('the track is deleted'));
      await over;
    },
    release: (filename) => void leaving.delete(filename),
    async close() {
      const reason = new Error('the server stops');
      closing.abort(reason);
      work?.controller.abort(reason);
      stopListening();
      await working.catch(() => {});
    },
  };
}
