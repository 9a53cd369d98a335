/** Who waits for a segment that is not encoded yet. One wait per segment, however many clients ask. */

/** `gone`: it will never be. `stopped`: it will be, when the server runs again. */
export type HoldOutcome = 'stored' | 'gone' | 'stopped';

export interface Holds {
  /** Segments that somebody waits for, the longest wait first. */
  wanted(): number[];
  /**
   * Resolves when the segment is stored, or will never be. Rejects with the signal's reason when the client does not
   * wait any longer; what nobody waits for any more is not wanted any more.
   */
  wait(segment: number | 'init', signal: AbortSignal): Promise<HoldOutcome>;
  release(segment: number | 'init'): void;
  /** Ends all waits, or those that are meant. */
  giveUp(outcome: 'gone' | 'stopped', isMeant?: (segment: number | 'init') => boolean): void;
}

/** @param onChange called when the list of what is wanted has changed. */
export function createHolds(onChange: () => void): Holds {
  const waiting = new Map<number | 'init', Set<(outcome: HoldOutcome) => void>>();

  const settle = (segment: number | 'init', outcome: HoldOutcome) => {
    const waiters = waiting.get(segment);
    waiting.delete(segment);
    for (const resolve of waiters ?? []) resolve(outcome);
  };

  return {
    wanted: () => [...waiting.keys()].filter((segment) => segment !== 'init'),
    async wait(segment, signal) {
      signal.throwIfAborted();
      const isNew = !waiting.has(segment);
      const own = waiting.get(segment) ?? new Set();
      waiting.set(segment, own);
      return new Promise((resolve, reject) => {
        const leave = () => {
          own.delete(settled);
          if (own.size === 0 && waiting.get(segment) === own) {
            waiting.delete(segment);
            onChange();
          }
          reject(signal.reason);
        };
        const settled = (outcome: HoldOutcome) => {
          signal.removeEventListener('abort', leave);
          resolve(outcome);
        };
        signal.addEventListener('abort', leave, { once: true });
        own.add(settled);
        if (isNew) onChange();
      });
    },
    release: (segment) => settle(segment, 'stored'),
    giveUp(outcome, isMeant = () => true) {
      for (const segment of [...waiting.keys()]) if (isMeant(segment)) settle(segment, outcome);
    },
  };
}
