/** Requests that wait for segments that are not encoded yet. */

/** `gone`: the segment will never be stored. `stopped`: it will be, when the server runs again. */
export type WaitOutcome = 'stored' | 'gone' | 'stopped';

/** A request that waits for a media segment. */
export interface WaitingRequest {
  index: number;
  /** Shares out the encoder's turns: the client's address block. */
  holder: string;
  /** Milliseconds of the clock of `performance.now()`. */
  since: number;
}

export interface SegmentWaiters {
  /** Requests for media segments. */
  requests(): Iterable<WaitingRequest>;
  /**
   * Resolves when the segment is stored, or will never be. Rejects with the signal's reason when the client waits no
   * longer; a segment without waiters is not wanted any more.
   */
  wait(segment: number | 'init', options: { signal: AbortSignal; holder: string }): Promise<WaitOutcome>;
  /** Tells all who wait for a segment that it is stored. */
  release(segment: number | 'init'): void;
  /** Ends all waits, or those for the segments that are meant. */
  end(outcome: WaitOutcome, isMeant?: (segment: number | 'init') => boolean): void;
}

interface Waiter {
  holder: string;
  since: number;
  settle(outcome: WaitOutcome): void;
}

/** @param onChange called when a request begins to wait, and when its client leaves. */
export function createSegmentWaiters(onChange: () => void): SegmentWaiters {
  const waiting = new Map<number | 'init', Set<Waiter>>();

  const settle = (segment: number | 'init', outcome: WaitOutcome) => {
    const waiters = waiting.get(segment) ?? [];
    waiting.delete(segment);
    for (const waiter of waiters) waiter.settle(outcome);
  };

  return {
    *requests() {
      for (const [index, waiters] of waiting) {
        if (index === 'init') continue;
        for (const { holder, since } of waiters) yield { index, holder, since };
      }
    },
    async wait(segment, { signal, holder }) {
      signal.throwIfAborted();
      const waiters = waiting.get(segment) ?? new Set();
      waiting.set(segment, waiters);
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiters.delete(waiter);
          if (waiters.size === 0 && waiting.get(segment) === waiters) waiting.delete(segment);
          onChange();
          reject(signal.reason);
        };
        const waiter: Waiter = {
          holder,
          since: performance.now(),
          settle(outcome) {
            signal.removeEventListener('abort', leave);
            resolve(outcome);
          },
        };
        signal.addEventListener('abort', leave, { once: true });
        waiters.add(waiter);
        onChange();
      });
    },
    release: (segment) => settle(segment, 'stored'),
    end(outcome, isMeant = () => true) {
      for (const segment of [...waiting.keys()]) if (isMeant(segment)) settle(segment, outcome);
    },
  };
}
