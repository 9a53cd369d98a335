/** How much background work yields. */
import { describe, expect, it } from 'vitest';
import { createBackgroundLevel, type Measured } from '../../src/ffmpeg/background-level.ts';

const second = (changes: Partial<Measured> = {}): Measured => ({
  seconds: 1,
  workSeconds: 0,
  runs: 2,
  isRunnable: true,
  serverSeconds: 0.05,
  ...changes,
});

function levelAfter(...seconds: Partial<Measured>[]): number {
  const background = createBackgroundLevel({ levels: 3, cores: 2 });
  for (const one of seconds) background.measured(second(one));
  return background.level;
}

const times = (count: number, changes: Partial<Measured> = {}) => Array(count).fill(changes);

describe('background work', () => {
  it.each<[string, number, Partial<Measured>[]]>([
    ['yields most at first', 0, []],
    ['yields less when it got hardly anything for two seconds', 1, times(2)],
    ['but not after one', 0, times(1)],
    ['and less still after two more', 2, times(4)],
    ['which is all', 2, times(20)],
    ['goes on where it has a quarter of each core', 0, times(9, { workSeconds: 0.52 })],
    ['yields less where it has less than that', 1, times(2, { workSeconds: 0.48 })],
    ['which for a single run is a quarter of one core', 0, times(9, { workSeconds: 0.26, runs: 1 })],
    ['and for more runs than cores of each core as well', 0, times(9, { workSeconds: 0.52, runs: 8 })],
    ['does not count when it waits for something else', 0, times(9, { isRunnable: false })],
    ['counts from anew after a good second', 0, [{}, { workSeconds: 1 }, {}]],
    ['yields most where it is the server that is busy', 0, times(9, { serverSeconds: 0.6 })],
    ['also when the server gets busy later', 0, [...times(4), { serverSeconds: 0.6 }]],
    ['stays where it is while a neighbour is there', 2, [...times(4), ...times(30, { workSeconds: 0.5 })]],
    [
      'yields most again ten seconds after a neighbour left',
      0,
      [...times(4), ...times(10, { workSeconds: 1.9 })],
    ],
  ])('%s', (_, level, seconds) => {
    expect(levelAfter(...seconds)).toBe(level);
  });
});
