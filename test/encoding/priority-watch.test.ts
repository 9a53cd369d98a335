/** Background runs beside a busy neighbour. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { ActiveRun } from '../../src/encoding/job.ts';
import { createWatch } from '../../src/encoding/priority-watch.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Runs that all get this share of a core, and the levels that were told at each look. */
async function watching(share: number, seconds: number, changes: Partial<ActiveRun> = {}) {
  const levels: number[] = [];
  let looks = 0;
  const runs = [1, 2].map((id) => ({
    id,
    pid: 1000 + id,
    startedAt: performance.now(),
    published: 0,
    isWaited: false,
    ...changes,
  })) as ActiveRun[];
  const watch = createWatch({
    concurrency: 2,
    levels: Promise.resolve(3),
    runs: () => runs,
    onLook: (level) => void levels.push(level),
    clock: {
      async processorTimes(groups) {
        looks += groups.size;
        const time = { seconds: (share * performance.now()) / 1000, isRunnable: true };
        return new Map([...groups].map((group) => [group, time]));
      },
      ownProcessorSeconds: async () => performance.now() / 100_000,
    },
  });
  await Promise.resolve();
  watch.start();
  for (let n = 0; n < seconds; n++) {
    if (changes.published !== undefined) for (const run of runs) run.published += changes.published;
    await vi.advanceTimersByTimeAsync(1000);
  }
  runs.length = 0;
  await vi.advanceTimersByTimeAsync(5000);
  return { levels, looks };
}

it('that get nothing yield less after a few seconds, and less still after some more', async () => {
  const { levels } = await watching(0, 9);
  expect(levels.slice(0, 8)).toEqual([0, 0, 1, 1, 2, 2, 2, 2]);
});

it('that get on stay as they are, and nothing is measured', async () => {
  const { levels, looks } = await watching(0, 5, { published: 6 });
  expect(new Set(levels)).toEqual(new Set([0]));
  expect(looks).toBe(0);
});

it('are not watched once there are none', async () => {
  const { levels } = await watching(1, 3);
  expect(levels).toHaveLength(4);
  expect(vi.getTimerCount()).toBe(0);
});
