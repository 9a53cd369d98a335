import { describe, expect, it } from 'vitest';
import { createBudget, type Lease } from '../../src/governor/budget.ts';

const never = new AbortController().signal;

describe('a budget', () => {
  it('leases no more units than its limit, and takes each back once', () => {
    const budget = createBudget({ limit: 2 });
    const first = budget.tryTake('a');
    budget.tryTake('b');
    expect(budget.tryTake('c')).toBeUndefined();
    first?.release();
    first?.release();
    expect(budget.inUse).toBe(1);
    expect(budget.tryTake('c')).toBeDefined();
    expect(budget.tryTake('d')).toBeUndefined();
  });

  it('leases one holder no more than its share', () => {
    const budget = createBudget({ limit: 3, share: 2 });
    expect([budget.tryTake('a'), budget.tryTake('a')]).not.toContain(undefined);
    expect(budget.tryTake('a')).toBeUndefined();
    expect(budget.heldBy('a')).toBe(2);
    expect(budget.tryTake('b')).toBeDefined();
  });

  it('serves the waiting holder with the fewest units first, and equals in order', async () => {
    const budget = createBudget({ limit: 3 });
    const order: string[] = [];
    const leases: Lease[] = [];
    for (let n = 0; n < 3; n++) leases.push(await budget.take('a', { signal: never }));
    const taking = ['a', 'b', 'c', 'b'].map(async (holder) => {
      const lease = await budget.take(holder, { signal: never });
      order.push(holder);
      leases.push(lease);
    });
    expect(budget.waiting).toBe(4);
    for (let released = 0; released < 4; released++) {
      (leases.shift() as Lease).release();
      await new Promise(setImmediate);
    }
    await Promise.all(taking);
    expect(order).toEqual(['b', 'c', 'a', 'b']);
  });

  it('skips a waiting holder that has its share already', async () => {
    const budget = createBudget({ limit: 2, share: 1 });
    const own = await budget.take('a', { signal: never });
    const second = budget.take('a', { signal: never });
    const other = await budget.take('b', { signal: never });
    expect(budget.inUse).toBe(2);
    other.release();
    expect(budget.inUse).toBe(1);
    own.release();
    (await second).release();
    expect(budget.inUse).toBe(0);
  });

  it('lets no new request overtake a waiting one', async () => {
    const budget = createBudget({ limit: 1 });
    const lease = await budget.take('a', { signal: never });
    const waiting = budget.take('b', { signal: never });
    expect(budget.tryTake('c')).toBeUndefined();
    lease.release();
    (await waiting).release();
  });

  it('forgets a request whose signal is aborted', async () => {
    const budget = createBudget({ limit: 1 });
    const lease = await budget.take('a', { signal: never });
    const controller = new AbortController();
    const waiting = budget.take('b', { signal: controller.signal });
    controller.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    await expect(budget.take('b', { signal: controller.signal })).rejects.toThrow('left');
    lease.release();
    expect([budget.inUse, budget.waiting]).toEqual([0, 0]);
  });

  it('refuses a limit of no unit', () => {
    expect(() => createBudget({ limit: 0 })).toThrow(RangeError);
  });
});
