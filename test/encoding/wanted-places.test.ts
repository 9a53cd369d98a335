/** Which places of a track its listeners want. */
import { expect, it } from 'vitest';
import type { HeldRequest } from '../../src/encoding/segment-waiters.ts';
import { wantedPlaces } from '../../src/encoding/wanted-places.ts';

const AHEAD = 15;
let clock = 0;
const asks = (holder: string, ...indexes: number[]): HeldRequest[] =>
  indexes.map((index) => ({ holder, index, since: ++clock }));

const places = (...held: HeldRequest[][]) =>
  wantedPlaces(held, AHEAD, () => 0).map((wanted) => wanted.map(({ holder, index }) => [holder, index]));

it('one holder wants one place, however many requests of it are held: the latest', () => {
  const random = Array.from({ length: 150 }, (_, n) => (n * 97) % 9000);
  const last = random.at(-1);
  expect(places(asks('a', ...random))).toEqual([[['a', last]]]);
});

it('each holder has a place of its own', () => {
  expect(places([...asks('a', 7, 500), ...asks('b', 30)])).toEqual([
    [
      ['a', 500],
      ['b', 30],
    ],
  ]);
});

it('the latest one counts, on whatever rendition it is', () => {
  const [before, after] = [asks('a', 40), asks('a', 700)];
  expect(places(before, after)).toEqual([[], [['a', 700]]]);
  expect(places(after, before)).toEqual([[['a', 700]], []]);
});

it('of a player that fetches ahead, the first that it is about to play', () => {
  expect(places(asks('a', 100, 101, 102))).toEqual([[['a', 100]]]);
  expect(places(asks('a', 102, 100, 101))).toEqual([[['a', 100]]]);
  expect(places(asks('a', 10, 100, 101))).toEqual([[['a', 100]]]);
});

it('it is told when each holder had its last turn', () => {
  const served = new Map([['b', 12]]);
  const [wanted] = wantedPlaces([[...asks('a', 1), ...asks('b', 2)]], AHEAD, (one) => served.get(one) ?? 0);
  expect(wanted?.map(({ servedAt }) => servedAt)).toEqual([0, 12]);
});
