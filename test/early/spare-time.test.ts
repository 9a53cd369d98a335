/** Processor time is left over when nothing that was accepted is at work, nor was a moment ago. */
import { expect, it } from 'vitest';
import { createSpareTime } from '../../src/early/spare-time.ts';

it('is not left over while there is work, nor between its steps', () => {
  const state = { atWork: false, serving: false, at: 0 };
  const isBusy = createSpareTime({
    isAtWork: () => state.atWork,
    isServing: () => state.serving,
    now: () => state.at,
  });
  expect(isBusy()).toBe(false);
  state.atWork = true;
  expect(isBusy()).toBe(true);
  Object.assign(state, { atWork: false, at: 100 });
  expect(isBusy()).toBe(true);
  state.at = 1000;
  expect(isBusy()).toBe(false);
  state.serving = true;
  expect(isBusy()).toBe(true);
});
