/** Waiting for segments that are not there yet. */
import { expect, it } from 'vitest';
import { createHolds, type Holds } from '../../src/pipeline/holds.ts';

const wanted = (holds: Holds) => holds.wanted().map(({ index }) => index);
const never = () => new AbortController().signal;

it('all who wait for a segment are told at once, and it is wanted once', async () => {
  let changes = 0;
  const holds = createHolds(() => changes++);
  const waits = Array.from({ length: 1000 }, () => holds.wait(7, never()));
  expect(wanted(holds)).toEqual([7]);
  expect(changes).toBe(1);
  holds.release(7);
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['stored']));
  expect(wanted(holds)).toEqual([]);
});

it('it is known since when each is waited for, and the init segment is not in the list', async () => {
  const holds = createHolds(() => {});
  const waits = [
    holds.wait(9, never()),
    holds.wait('init', never()),
    holds.wait(2, never()),
    holds.wait(9, never()),
  ];
  const [nine, two] = holds.wanted();
  expect([nine?.index, two?.index]).toEqual([9, 2]);
  expect(nine?.since).toBeLessThanOrEqual(two?.since ?? 0);
  holds.giveUp('gone');
  expect(await Promise.all(waits)).toEqual(['gone', 'gone', 'gone', 'gone']);
});

it('what only one client wanted is wanted no more when it goes', async () => {
  let changes = 0;
  const holds = createHolds(() => changes++);
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [holds.wait(3, first.signal), holds.wait(3, second.signal)];
  first.abort(new Error('gone'));
  await expect(waits[0]).rejects.toThrow('gone');
  expect(wanted(holds)).toEqual([3]);
  second.abort(new Error('gone too'));
  await expect(waits[1]).rejects.toThrow('gone too');
  expect(wanted(holds)).toEqual([]);
  expect(changes).toBe(2);
});

it('only what will never be is given up', async () => {
  const holds = createHolds(() => {});
  const [kept, lost] = [holds.wait(1, never()), holds.wait(50, never())];
  holds.giveUp('gone', (segment) => segment !== 'init' && segment >= 40);
  expect(await lost).toBe('gone');
  holds.release(1);
  expect(await kept).toBe('stored');
});
