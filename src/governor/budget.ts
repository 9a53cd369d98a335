/** A resource that there is only so much of, shared out among its holders: API keys or client addresses. Pure. */

/** A part of a budget that somebody holds. */
export interface Lease {
  /** Gives it back; a second call does nothing. */
  release(): void;
}

export interface BudgetOptions {
  /** Units in all, at least 1. */
  limit: number;
  /** The most units that one holder may have at a time; the limit where it is left out. */
  share?: number;
}

export interface Budget {
  readonly limit: number;
  /** Units that are held now. */
  readonly inUse: number;
  /** Requests that wait for a unit. */
  readonly waiting: number;
  heldBy(holder: string): number;
  /** Takes one unit at once. Returns undefined when none is free for this holder, or when others wait already. */
  tryTake(holder: string): Lease | undefined;
  /**
   * Resolves with one unit as soon as it is this holder's turn. A free unit goes to the waiting holder that has the fewest;
   * of equals, to the one that has waited longest. Rejects with the reason of the signal.
   */
  take(holder: string, options: { signal: AbortSignal }): Promise<Lease>;
}

interface Waiter {
  holder: string;
  grant(lease: Lease): void;
}

/** @throws {RangeError} when there is not one unit to share out. */
export function createBudget({ limit, share = limit }: BudgetOptions): Budget {
  if (!(limit >= 1) || !(share >= 1)) throw new RangeError('a budget needs at least one unit');
  const held = new Map<string, number>();
  /** In the order of their requests. */
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
