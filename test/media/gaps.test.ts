import { expect, it } from 'vitest';
import { gapsIn } from '../../src/media/gaps.ts';

it.each([
  ['nothing of nothing', [], 0, []],
  ['nothing', [], 3, [[0, 3]]],
  ['everything', [0, 1, 2], 3, []],
  ['the beginning', [0, 1], 4, [[2, 4]]],
  ['the end', [2, 3], 4, [[0, 2]]],
  [
    'the middle',
    [1, 2],
    4,
    [
      [0, 1],
      [3, 4],
    ],
  ],
  [
    'every other one',
    [1, 3],
    5,
    [
      [0, 1],
      [2, 3],
      [4, 5],
    ],
  ],
  [
    'two stretches, in no order',
    [5, 0, 4, 1],
    8,
    [
      [2, 4],
      [6, 8],
    ],
  ],
  ['more than there should be', [0, 1, 2, 7], 3, []],
])('finds the gaps where %s is stored', (_what, stored, segmentCount, expected) => {
  expect(gapsIn(new Set(stored), segmentCount)).toEqual(expected.map(([from, until]) => ({ from, until })));
});
