import { expect, it } from 'vitest';
import { inOrder } from '../../src/concurrency/in-order.ts';

const turns = async (count: number) => {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
};

it('yields results in the order of the items, whichever is done first, with no more than so many under way', async () => {
  let running = 0;
  let most = 0;
  const results: number[] = [];
  const work = async (item: number) => {
    most = Math.max(most, ++running);
    await turns(item % 3);
    running--;
    return item * 10;
  };
  for await (const result of inOrder([5, 4, 3, 2, 1, 0], 3, work)) results.push(result);
  expect([results, most]).toEqual([[50, 40, 30, 20, 10, 0], 3]);
});

it('throws a failure when its turn comes', async () => {
  const results: number[] = [];
  const work = async (item: number) => {
    if (item === 2) throw new Error('refused');
    return item;
  };
  const all = async () => {
    for await (const result of inOrder([1, 2, 3], 2, work)) results.push(result);
  };
  await expect(all()).rejects.toThrow('refused');
  expect(results).toEqual([1]);
});
