/** A run is stopped while accepted work needs the processors, and is never left stopped. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createPausing } from '../../src/early/pausing.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function paused() {
  const sent: string[] = [];
  const state = { isBusy: false };
  const pausing = createPausing(
    () => state.isBusy,
    (group, signal) => void sent.push(`${group} ${signal}`),
  );
  return { sent, state, pausing };
}

it('stops the group and lets it go on, once each', () => {
  const { sent, state, pausing } = paused();
  pausing.started(7);
  state.isBusy = true;
  vi.advanceTimersByTime(500);
  expect(sent).toEqual(['7 SIGSTOP']);
  state.isBusy = false;
  vi.advanceTimersByTime(500);
  expect(sent).toEqual(['7 SIGSTOP', '7 SIGCONT']);
});

it('sends nothing before there is a process', () => {
  const { sent, state, pausing } = paused();
  state.isBusy = true;
  vi.advanceTimersByTime(500);
  expect(sent).toEqual([]);
  pausing.started(7);
  vi.advanceTimersByTime(500);
  expect(sent).toEqual(['7 SIGSTOP']);
});

it('lets a stopped group go on at its end, and watches it no longer', () => {
  const { sent, state, pausing } = paused();
  pausing.started(7);
  state.isBusy = true;
  vi.advanceTimersByTime(500);
  pausing.end();
  expect(sent).toEqual(['7 SIGSTOP', '7 SIGCONT']);
  vi.advanceTimersByTime(500);
  pausing.end();
  expect(sent).toHaveLength(2);
  expect(vi.getTimerCount()).toBe(0);
});
