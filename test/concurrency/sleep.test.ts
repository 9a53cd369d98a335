/** A sleep ends in time, or with its signal. */
import { afterEach, expect, it, vi } from 'vitest';
import { sleep } from '../../src/concurrency/sleep.ts';

afterEach(() => void vi.useRealTimers());

it('resolves after its time', async () => {
  vi.useFakeTimers();
  let isOver = false;
  const slept = sleep(1000, new AbortController()).then(() => {
    isOver = true;
  });
  await vi.advanceTimersByTimeAsync(999);
  expect(isOver).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  await slept;
});

it('rejects with the reason of the signal at once, and leaves no timer', async () => {
  vi.useFakeTimers();
  const stopped = new Error('stopped');
  const controller = new AbortController();
  const slept = sleep(1000, controller);
  controller.abort(stopped);
  await expect(slept).rejects.toBe(stopped);
  await expect(sleep(1000, controller)).rejects.toBe(stopped);
  expect(vi.getTimerCount()).toBe(0);
});
