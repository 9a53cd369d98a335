/** Shares a limited resource among its holders: API keys or client addresses. Pure. */

/** One unit of a budget, in use by one holder. */
export interface Lease {
  /** Gives the unit back. A second call does nothing. */
  release(): void;
}

export interface BudgetOptions {
  /** Total units, at least 1. */
  limit: number;
  /** Most units of one holder at a time; `limit` by default. */
  share?: number;
}

/** A limited resource. Each unit is in use by one holder. */
export interface Budget {
  readonly limit: number;
  /** Units in use now. */
  readonly inUse: number;
  /** Requests that wait for a unit. */
  readonly waiting: number;
  /** Returns the units that this holder has now. */
  heldBy(holder: string): number;
  /** Takes one unit at once. Returns undefined if none is free for this holder, or if other requests wait already. */
  tryTake(holder: string): Lease | undefined;
  /**
   * Resolves with one unit as soon as it is this holder's turn. A free unit goes to the waiting holder with the fewest
   * units; among equals, to the oldest request. Rejects with the reason of the signal.
   */
  take(holder: string, options: { signal: AbortSignal }): Promise<Lease>;
}

interface Waiter {
  holder: string;
  grant(lease: Lease): void;
}

/** Creates a budget. @throws {RangeError} when `limit` or `share` is below 1. */
export function createBudget({ limit, share = limit }: BudgetOptions): Budget {
  if (!(limit >= 1) || !(share >= 1)) throw new RangeError('a budget needs at least one unit');
  const held = new Map<string, number>();
  /** Waiting requests, oldest first. */
  const waiters = new Set<Waiter>();
  let inUse = 0;

  const heldBy = (holder: string) => held.get(holder) ?? 0;
  const isFreeFor = (holder: string) => inUse < limit && heldBy(holder) < share;

  const leaseTo = (holder: string): Lease => {
    inUse++;
    held.set(holder, heldBy(holder) + 1);
    let isHeld = true;
    return {
      release() {
        if (!isHeld) return;
        isHeld = false;
        inUse--;
        const left = heldBy(holder) - 1;
        if (left === 0) held.delete(holder);
        else held.set(holder, left);
        grantNext();
      },
    };
  };

  const grantNext = () => {
    let next: Waiter | undefined;
    for (const waiter of waiters) {
      if (!isFreeFor(waiter.holder)) continue;
      if (!next || heldBy(waiter.holder) < heldBy(next.holder)) next = waiter;
    }
    if (!next) return;
    waiters.delete(next);
    next.grant(leaseTo(next.holder));
  };

  return {
    limit,
    get inUse() {
      return inUse;
    },
    get waiting() {
      return waiters.size;
    },
    heldBy,
    tryTake: (holder) => (waiters.size === 0 && isFreeFor(holder) ? leaseTo(holder) : undefined),
    take(holder, { signal }) {
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const leave = () => {
          waiters.delete(waiter);
          reject(signal.reason);
        };
        const waiter: Waiter = {
          holder,
          grant(lease) {
            signal.removeEventListener('abort', leave);
            resolve(lease);
          },
        };
        signal.addEventListener('abort', leave, { once: true });
        waiters.add(waiter);
        grantNext();
      });
    },
  };
}
