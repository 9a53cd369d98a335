import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { repeat } from '../../src/concurrency/repeat.ts';

describe('a step that is repeated', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('runs with a pause in between, whatever it throws, until the signal', async () => {
    const ending = new AbortController();
    const failures: unknown[] = [];
    let runs = 0;
    const step = async () => {
      runs++;
      await new Promise((resolve) => setTimeout(resolve, 50));
      throw new Error(`run ${runs}`);
    };
    const over = repeat(100, step, { signal: ending.signal, onError: (error) => failures.push(error) });
    await vi.advanceTimersByTimeAsync(320);
    expect([runs, failures.length]).toEqual([3, 2]);
    ending.abort(new Error('enough'));
    await vi.advanceTimersByTimeAsync(50);
    await over;
    expect([runs, failures.length]).toEqual([3, 2]);
  });
});
