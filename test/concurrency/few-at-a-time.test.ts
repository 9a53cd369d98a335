import { expect, it } from 'vitest';
import { fewAtATime } from '../../src/concurrency/few-at-a-time.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('does the work for every item, and no more than so many at a time', async () => {
  const done: number[] = [];
  let running = 0;
  let most = 0;
  await fewAtATime([1, 2, 3, 4, 5, 6, 7], 3, async (item) => {
    most = Math.max(most, ++running);
    await turn();
    running--;
    done.push(item);
  });
  expect(done.sort()).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(most).toBe(3);
});

it('begins none after a failure, and throws it once the others have ended', async () => {
  const begun: number[] = [];
  let ended = 0;
  const work = fewAtATime([1, 2, 3, 4, 5, 6], 2, async (item) => {
    begun.push(item);
    if (item === 1) throw new Error('refused');
    await turn();
    ended++;
  });
  await expect(work).rejects.toThrow('refused');
  expect([begun, ended]).toEqual([[1, 2], 1]);
});

it('does nothing where there are no items', async () => {
  await expect(fewAtATime([], 4, async () => Promise.reject(new Error('never')))).resolves.toBeUndefined();
});

it('takes items as they come, and throws where they end in a failure', async () => {
  async function* items() {
    yield 1;
    await turn();
    yield 2;
    throw new Error('lost');
  }
  const done: number[] = [];
  const work = fewAtATime(items(), 3, async (item) => {
    await turn();
    done.push(item);
  });
  await expect(work).rejects.toThrow('lost');
  expect(done).toEqual([1, 2]);
});
