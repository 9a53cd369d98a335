/** The places of a track that its listeners want. */
import { expect, it } from 'vitest';
import type { WaitingRequest } from '../../src/encoding/segment-waiters.ts';
import { wantedPlaces } from '../../src/encoding/wanted-places.ts';

const AHEAD = 15;
let clock = 0;
const asks = (holder: string, ...indexes: number[]): WaitingRequest[] =>
  indexes.map((index) => ({ holder, index, since: ++clock }));

/** The wanted places, by rendition. */
function wantedIn(renditions: WaitingRequest[][], servedAt = (_holder: string) => 0) {
  const waiting = new Map(renditions.map((requests, at) => [`rendition ${at}`, requests]));
  return [...wantedPlaces(waiting, { ahead: AHEAD, servedAt }).values()];
}

const places = (...renditions: WaitingRequest[][]) =>
  wantedIn(renditions).map((wanted) => wanted.map(({ holder, index }) => [holder, index]));

it('one holder wants one place, however many of its requests wait: the latest', () => {
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

it('the latest request of a holder counts, on whatever rendition it is', () => {
  const [before, after] = [asks('a', 40), asks('a', 700)];
  expect(places(before, after)).toEqual([[], [['a', 700]]]);
  expect(places(after, before)).toEqual([[['a', 700]], []]);
});

it('a player that fetches ahead wants the first segment that it is about to play', () => {
  expect(places(asks('a', 100, 101, 102))).toEqual([[['a', 100]]]);
  expect(places(asks('a', 102, 100, 101))).toEqual([[['a', 100]]]);
  expect(places(asks('a', 10, 100, 101))).toEqual([[['a', 100]]]);
});

it('each place tells when its holder had its last turn', () => {
  const served = new Map([['b', 12]]);
  const [wanted] = wantedIn([[...asks('a', 1), ...asks('b', 2)]], (holder) => served.get(holder) ?? 0);
  expect(wanted?.map(({ servedAt }) => servedAt)).toEqual([0, 12]);
});
