/** Listeners hear of changes, and of progress where they want to. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createTrackEvents } from '../../src/tracks/track-events.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('tells followers of progress at most four times a second, and all listeners of changes', async () => {
  const events = createTrackEvents();
  const [follower, other] = [vi.fn(), vi.fn()];
  events.listen(follower);
  events.listen(other, { progress: false });
  for (let n = 0; n < 10; n++) {
    events.progressed('a');
    await vi.advanceTimersByTimeAsync(50);
  }
  expect(follower.mock.calls.length).toBeLessThanOrEqual(2);
  expect(follower).toHaveBeenCalledWith('a', 'changed');
  expect(other).not.toHaveBeenCalled();
  events.changed('a');
  events.removed('b');
  expect(other.mock.calls).toEqual([
    ['a', 'changed'],
    ['b', 'removed'],
  ]);
});

it('is followed only by who wants to hear of progress', () => {
  const events = createTrackEvents();
  const stopOther = events.listen(() => {}, { progress: false });
  expect(events.isFollowed()).toBe(false);
  const stop = events.listen(() => {});
  expect(events.isFollowed()).toBe(true);
  stop();
  stopOther();
  expect(events.isFollowed()).toBe(false);
});
