/** Waiting for segments that are not there yet. */
import { expect, it } from 'vitest';
import { createSegmentWaiters, type SegmentWaiters } from '../../src/encoding/segment-waiters.ts';

const wanted = (holds: SegmentWaiters) => [...holds.requests()].map(({ index }) => index);
const by = (holder: string, signal = new AbortController().signal) => ({ holder, signal });

it('all who wait for a segment are told at once', async () => {
  const holds = createSegmentWaiters(() => {});
  const waits = Array.from({ length: 1000 }, () => holds.wait(7, by('a')));
  expect(new Set(wanted(holds))).toEqual(new Set([7]));
  holds.release(7);
  expect(new Set(await Promise.all(waits))).toEqual(new Set(['stored']));
  expect(wanted(holds)).toEqual([]);
});

it('it is known who waits for each and since when, and the init segment is not in the list', async () => {
  const holds = createSegmentWaiters(() => {});
  const waits = [
    holds.wait(9, by('a')),
    holds.wait('init', by('a')),
    holds.wait(2, by('b')),
    holds.wait(9, by('c')),
  ];
  const requests = [...holds.requests()];
  expect(requests.map(({ index, holder }) => [index, holder])).toEqual([
    [9, 'a'],
    [9, 'c'],
    [2, 'b'],
  ]);
  expect(requests[0]?.since).toBeLessThanOrEqual(requests[2]?.since ?? 0);
  holds.end('gone');
  expect(await Promise.all(waits)).toEqual(['gone', 'gone', 'gone', 'gone']);
});

it('a segment that one client wanted is wanted no more when the client goes', async () => {
  let changes = 0;
  const holds = createSegmentWaiters(() => changes++);
  const [first, second] = [new AbortController(), new AbortController()];
  const waits = [holds.wait(3, by('a', first.signal)), holds.wait(3, by('b', second.signal))];
  first.abort(new Error('gone'));
  await expect(waits[0]).rejects.toThrow('gone');
  expect(wanted(holds)).toEqual([3]);
  second.abort(new Error('gone too'));
  await expect(waits[1]).rejects.toThrow('gone too');
  expect(wanted(holds)).toEqual([]);
  expect(changes).toBe(4);
});

it('only what will never be is given up', async () => {
  const holds = createSegmentWaiters(() => {});
  const [kept, lost] = [holds.wait(1, by('a')), holds.wait(50, by('a'))];
  holds.end('gone', (segment) => segment !== 'init' && segment >= 40);
  expect(await lost).toBe('gone');
  holds.release(1);
  expect(await kept).toBe('stored');
});
