/** Answers what other nodes ask the owner of a track. */
import { createKeyedMutex } from '../../concurrency/keyed-mutex.ts';
import { createSingleFlight } from '../../concurrency/single-flight.ts';
import type { Encoder } from '../encoder.ts';
import { type Have, placeKey, type SegmentWant } from './messages.ts';

export interface OwnerAnswers {
  /** Waits for a segment as long as a node asks for it, and tells when there is an outcome. */
  segment(want: SegmentWant): void;
  /** Runs a repair; what is asked for the track meanwhile waits for its end. */
  repair<T>(filename: string, repair: () => Promise<T>): Promise<T>;
  /** Returns whether another node waits for a segment of a track. */
  isAsked(filename: string): boolean;
  close(): void;
}

/** A node that waits says so once a second. */
const FORGOTTEN_MS = 3000;

export function createOwnerAnswers(encoder: Encoder, tell: (message: Have) => Promise<void>): OwnerAnswers {
  const asked = new Map<string, { want: SegmentWant; abort: AbortController; timer: NodeJS.Timeout }>();
  const waits = createSingleFlight<string, void>();
  const turns = createKeyedMutex();

  const answer = async (want: SegmentWant, signal: AbortSignal) => {
    const { filename, renditionId, index, holder } = want;
    await turns.run(filename, async () => {});
    const outcome = await encoder.whenStored(filename, { renditionId, index }, { signal, holder });
    if (outcome === 'stopped') return;
    await tell({ tell: 'segment', filename, renditionId, index, outcome });
  };

  const serve = async (key: string, want: SegmentWant) => {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(new Error('no node asks any more')), FORGOTTEN_MS);
    asked.set(key, { want, abort, timer });
    try {
      await answer(want, abort.signal);
    } catch {
      // Nobody waits any more, or the answer could not be sent: whoever waits asks again.
    } finally {
      clearTimeout(timer);
      asked.delete(key);
    }
  };

  return {
    segment(want) {
      const key = placeKey(want);
      asked.get(key)?.timer.refresh();
      void waits.run(key, () => serve(key, want));
    },
    repair: (filename, repair) => turns.run(filename, repair),
    isAsked: (filename) => [...asked.values()].some(({ want }) => want.filename === filename),
    close() {
      for (const { abort } of asked.values()) abort.abort(new Error('the server stops'));
    },
  };
}
