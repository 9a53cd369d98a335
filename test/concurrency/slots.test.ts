import { expect, it } from 'vitest';
import { createDeferred } from '../../src/concurrency/deferred.ts';
import { createSlots } from '../../src/concurrency/slots.ts';

it('runs so many at the same time, and the others in the order in which they came', async () => {
  const slots = createSlots(2);
  const begun: number[] = [];
  const ends = [1, 2, 3, 4].map((id) => {
    const { promise, resolve } = createDeferred<void>();
    const outcome = slots.run(async () => {
      begun.push(id);
      await promise;
      return id;
    });
    return { resolve, outcome };
  });
  await expect.poll(() => begun).toEqual([1, 2]);
  ends[1]?.resolve();
  await expect.poll(() => begun).toEqual([1, 2, 3]);
  for (const { resolve } of ends) resolve();
  expect(await Promise.all(ends.map(({ outcome }) => outcome))).toEqual([1, 2, 3, 4]);
});

it('gives the place of work that throws to the next', async () => {
  const slots = createSlots(1);
  const fails = slots.run(async () => Promise.reject(new Error('refused')));
  const next = slots.run(async () => 'next');
  await expect(fails).rejects.toThrow('refused');
  expect(await next).toBe('next');
});
