/** Who waits for a segment that is not encoded yet. One wait per segment, however many clients ask. */
import type { Wanted } from '../media/planner.ts';

/** `gone`: it will never be. `stopped`: it will be, when the server runs again. */
export type HoldOutcome = 'stored' | 'gone' | 'stopped';

export interface Holds {
  /** Media segments that somebody waits for. */
  wanted(): Wanted[];
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
  const waiting = new Map<number | 'init', { since: number; waiters: Set<(outcome: HoldOutcome) => void> }>();

  const settle = (segment: number | 'init', outcome: HoldOutcome) => {
    const waiters = waiting.get(segment)?.waiters ?? [];
    waiting.delete(segment);
    for (const resolve of waiters) resolve(outcome);
  };

  return {
    wanted: () =>
      [...waiting].flatMap(([segment, { since }]) => (segment === 'init' ? [] : { index: segment, since })),
    async wait(segment, signal) {
      signal.throwIfAborted();
      const isNew = !waiting.has(segment);
      const own = waiting.get(segment) ?? { since: performance.now(), waiters: new Set() };
      waiting.set(segment, own);
      return new Promise((resolve, reject) => {
        const leave = () => {
          own.waiters.delete(settled);
          if (own.waiters.size === 0 && waiting.get(segment) === own) {
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
        own.waiters.add(settled);
        if (isNew) onChange();
      });
    },
    release: (segment) => settle(segment, 'stored'),
    giveUp(outcome, isMeant = () => true) {
      for (const segment of [...waiting.keys()]) if (isMeant(segment)) settle(segment, outcome);
    },
  };
}
