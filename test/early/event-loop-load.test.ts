/** The load of the event loop is that of the time since the last look. */
import { expect, it } from 'vitest';
import { createEventLoopLoad } from '../../src/early/event-loop-load.ts';

it('is busy while more than half of the time is spent at work', () => {
  const times = { active: 0, idle: 0, utilization: 0 };
  const load = createEventLoopLoad(() => ({ ...times }));
  const pass = (active: number, idle: number) => {
    times.active += active;
    times.idle += idle;
    return load.isBusy();
  };
  expect(pass(10, 90)).toBe(false);
  expect(pass(60, 40)).toBe(true);
  // Too short to tell: as before.
  expect(pass(0, 50)).toBe(true);
  expect(pass(0, 60)).toBe(false);
  expect(pass(200, 0)).toBe(true);
});

it('sees the event loop of this process', () => {
  const load = createEventLoopLoad();
  const until = performance.now() + 150;
  while (performance.now() < until) {
    // At work.
  }
  expect(load.isBusy()).toBe(true);
});
