import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { errors } from '../../src/errors.ts';
import { patiently } from '../../src/moving/patience.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const refused = errors.storageUnavailable(new Error('connection refused'));
const signal = new AbortController().signal;

it('tries again until an engine answers', async () => {
  const told: Error[] = [];
  const work = vi
    .fn()
    .mockRejectedValueOnce(refused)
    .mockRejectedValueOnce(refused)
    .mockResolvedValue('done');
  const result = patiently(work, { signal, onRetry: (error) => void told.push(error) });
  await vi.advanceTimersByTimeAsync(1500);
  expect(await result).toBe('done');
  expect(told).toEqual([refused, refused]);
});

it('gives up after half a minute', async () => {
  const work = vi.fn().mockRejectedValue(refused);
  const result = expect(patiently(work, { signal, onRetry() {} })).rejects.toBe(refused);
  await vi.advanceTimersByTimeAsync(30_500);
  await result;
  expect(work).toHaveBeenCalledTimes(7);
});

it('does not try again what fails for another reason', async () => {
  const wrong = new Error('no such column');
  await expect(patiently(() => Promise.reject(wrong), { signal, onRetry() {} })).rejects.toBe(wrong);
});

it('ends at the signal', async () => {
  const stop = new AbortController();
  const work = () => Promise.reject(refused);
  const result = expect(patiently(work, { signal: stop.signal, onRetry() {} })).rejects.toThrow('stopped');
  await vi.advanceTimersByTimeAsync(100);
  stop.abort(new Error('stopped'));
  await result;
});
