import { describe, expect, it } from 'vitest';
import { createTimeSlices } from '../../src/concurrency/time-slices.ts';
import type { SortedPlace } from '../../src/library/order.ts';
import { createSortedList, sortInSlices } from '../../src/library/sorted-list.ts';

const place = (filename: string, second: number): SortedPlace => ({
  filename,
  uploadedAt: new Date(1_700_000_000_000 + second * 1000).toISOString(),
  key: '',
});

describe('tracks that were copied with their time', () => {
  const all = [place('a', 1), place('b', 2), place('c', 2), place('d', 2), place('e', 3)];
  const listOf = (places: SortedPlace[]) => {
    const list = createSortedList((item: SortedPlace) => item);
    for (const each of places) list.add(each);
    return list;
  };

  it.each([
    ['newest first', true, ['e', 'd', 'c', 'b', 'a']],
    ['oldest first', false, ['a', 'b', 'c', 'd', 'e']],
  ])('are each on one page, %s', (_, backwards, expected) => {
    const list = listOf(all.toReversed());
    const names: string[] = [];
    let after: SortedPlace | undefined;
    for (;;) {
      const [next] = list.next({ after, count: 1, backwards });
      if (!next) break;
      names.push(next.filename);
      after = { ...next };
    }
    expect(names).toEqual(expected);
  });

  it('are removed one by one', () => {
    const list = listOf(all);
    list.remove(place('c', 2));
    list.remove(place('c', 2));
    list.remove(place('none', 2));
    const left = list.next({ after: undefined, count: 10, backwards: false });
    expect(left.map(({ filename }) => filename)).toEqual(['a', 'b', 'd', 'e']);
    expect([list.find(place('c', 2)), list.find({ ...place('d', 2) })]).toEqual([undefined, all[3]]);
  });
});

it.each([0, 1, 2048, 2049, 10_000])(
  '%i items are sorted in slices, equal ones in their order',
  async (count) => {
    const items = Array.from({ length: count }, (_, n) => ({ n, key: (n * 7919) % 503 }));
    const compare = (one: { key: number }, other: { key: number }) => one.key - other.key;
    expect(await sortInSlices(items, compare, createTimeSlices())).toEqual(items.toSorted(compare));
  },
);
