import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createTimeSlices } from '../../src/concurrency/time-slices.ts';

it('each turn of the event loop runs one slice, of the caller that has waited longest', async () => {
  const slices = createTimeSlices();
  const ran: string[] = [];
  const work = async (name: string, count: number) => {
    for (let n = 0; n < count; n++) {
      await slices.next();
      ran.push(name);
    }
  };
  const all = Promise.all([work('a', 3), work('b', 2), work('c', 1)]);
  const perTurn: number[] = [];
  for (let before = 0; ran.length < 6; before = ran.length) {
    await nextTurn();
    perTurn.push(ran.length - before);
  }
  await all;
  expect(ran).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
  expect(Math.max(...perTurn)).toBe(1);
});
