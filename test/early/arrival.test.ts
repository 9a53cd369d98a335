/** An upload is encoded early only when it arrives fast enough, for long enough. */
import { describe, expect, it } from 'vitest';
import { createArrival, MIN_AGE_MS, MIN_BYTES, WINDOW_MS } from '../../src/early/arrival.ts';

/** An upload on a clock that a test sets. */
function arriving() {
  let clock = 5000;
  const arrival = createArrival(() => clock);
  return {
    arrival,
    /** Lets bytes come in equal parts, ten times a second. */
    come(bytesPerSecond: number, ms: number) {
      for (let passed = 0; passed < ms; passed += 100) {
        clock += 100;
        arrival.add(bytesPerSecond / 10);
      }
    },
    wait(ms: number) {
      clock += ms;
    },
  };
}

describe('an upload', () => {
  it('is worth it once enough has come, and not before', () => {
    const { arrival, come } = arriving();
    come(10 * MIN_BYTES, 200);
    expect(arrival.bytes).toBeGreaterThan(MIN_BYTES);
    expect(arrival.isWorthIt()).toBe(false);
    come(MIN_BYTES, MIN_AGE_MS);
    expect(arrival.isWorthIt()).toBe(true);
  });

  it('is not worth it before 64 KiB have come, however long it takes', () => {
    const { arrival, come } = arriving();
    come(9 * 1024, 6000);
    expect(arrival.isWorthIt()).toBe(false);
    expect(arrival.isTooSlow()).toBe(false);
    come(9 * 1024, 2000);
    expect(arrival.isWorthIt()).toBe(true);
  });

  it('is never worth it at a byte a second, or where one byte a second follows a fast beginning', () => {
    const { arrival, come, wait } = arriving();
    arrival.add(MIN_BYTES);
    expect(arrival.isTooSlow()).toBe(false);
    for (let second = 0; second < 60; second++) {
      wait(1000);
      arrival.add(1);
    }
    expect(arrival.isWorthIt()).toBe(false);
    expect(arrival.isTooSlow()).toBe(true);
    come(100_000, WINDOW_MS);
    expect(arrival.isTooSlow()).toBe(false);
    expect(arrival.isWorthIt()).toBe(true);
  });

  it('is too slow when nothing comes any more', () => {
    const { arrival, come, wait } = arriving();
    come(1_000_000, 10_000);
    expect(arrival.isTooSlow()).toBe(false);
    wait(WINDOW_MS - 1000);
    expect(arrival.isTooSlow()).toBe(false);
    wait(10 * WINDOW_MS);
    expect(arrival.isTooSlow()).toBe(true);
  });
});
