/** Equal work at the same time is done once. */
import { describe, expect, it } from 'vitest';
import { createDeferred } from '../../src/concurrency/deferred.ts';
import { createSingleFlight } from '../../src/concurrency/single-flight.ts';

/** Calls that are counted, and end when the test says so. */
function rig() {
  const flight = createSingleFlight<string, string>();
  const calls: ((value: string) => void)[] = [];
  const wereCurrent: boolean[] = [];
  const run = (key = 'a') =>
    flight.run(key, async (isCurrent) => {
      const { promise, resolve } = createDeferred<string>();
      calls.push(resolve);
      const value = await promise;
      wereCurrent.push(isCurrent());
      return value;
    });
  const end = (call: number, value: string) => calls[call]?.(value);
  return { flight, calls, wereCurrent, run, end };
}

describe('callers at the same time', () => {
  it('share one call, and its outcome', async () => {
    const { calls, run, end, wereCurrent } = rig();
    const all = Promise.all([run(), run(), run()]);
    expect(calls).toHaveLength(1);
    end(0, 'value');
    expect(await all).toEqual(['value', 'value', 'value']);
    expect(wereCurrent).toEqual([true]);
  });

  it('share its failure, also where it throws at once', async () => {
    const flight = createSingleFlight<string, string>();
    let calls = 0;
    const run = () =>
      flight.run('a', () => {
        calls++;
        throw new Error('no');
      });
    const outcomes = await Promise.allSettled([run(), run()]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(calls).toBe(1);
  });

  it('of different keys share nothing', async () => {
    const { flight, run, end } = rig();
    const [one, other] = [run('a'), run('b')];
    expect([...flight.keys()]).toEqual(['a', 'b']);
    end(1, 'of b');
    expect(await other).toBe('of b');
    expect([...flight.keys()]).toEqual(['a']);
    end(0, 'of a');
    expect(await one).toBe('of a');
  });
});

describe('a later caller', () => {
  it.each(['success', 'failure'])('starts anew after a %s', async (outcome) => {
    const flight = createSingleFlight<string, number>();
    const settled = flight.run('a', async () =>
      outcome === 'success' ? 1 : Promise.reject(new Error('no')),
    );
    await settled.catch(() => {});
    expect([...flight.keys()]).toEqual([]);
    expect(await flight.run('a', async () => 2)).toBe(2);
  });

  it('starts anew after `forget`, and the old call knows that it does not count', async () => {
    const { flight, calls, wereCurrent, run, end } = rig();
    const old = run();
    flight.forget('a');
    const [current, joined] = [run(), run()];
    expect(calls).toHaveLength(2);
    end(0, 'old');
    expect(await old).toBe('old');
    expect(wereCurrent).toEqual([false]);
    // The end of the old call does not take the new one away.
    expect([...flight.keys()]).toEqual(['a']);
    end(1, 'new');
    expect(await Promise.all([current, joined])).toEqual(['new', 'new']);
    expect(wereCurrent).toEqual([false, true]);
  });
});
