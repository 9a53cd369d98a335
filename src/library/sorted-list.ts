/** A list in memory that stays sorted, and is read from any place. */
import type { TimeSlices } from '../concurrency/time-slices.ts';
import { comparePlaces, type SortedPlace } from './order.ts';

export interface SortedList<Item> {
  readonly length: number;
  /** Returns the last item. */
  last(): Item | undefined;
  add(item: Item): void;
  /** Adds items that are sorted and come after all others. */
  append(items: Iterable<Item>): void;
  remove(item: Item): void;
  /** Returns the item at a place. */
  find(place: SortedPlace): Item | undefined;
  /** Returns at most `count` items next to `after`, or from the beginning of that direction. */
  next(from: { after: SortedPlace | undefined; count: number; backwards: boolean }): Item[];
}

/**
 * Creates a list of items that are sorted already.
 *
 * @param placeOf returns the place of an item, which must not change and which no other item has.
 */
export function createSortedList<Item>(
  placeOf: (item: Item) => SortedPlace,
  items: Item[] = [],
): SortedList<Item> {
  /** Returns the index of the first item that is at `place` or behind it. */
  const search = (place: SortedPlace): number => {
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePlaces(placeOf(items[middle] as Item), place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const itemAt = (index: number, place: SortedPlace): Item | undefined => {
    const item = items[index];
    return item !== undefined && comparePlaces(placeOf(item), place) === 0 ? item : undefined;
  };

  return {
    get length() {
      return items.length;
    },
    last: () => items.at(-1),
    add: (item) => void items.splice(search(placeOf(item)), 0, item),
    append(more) {
      for (const item of more) items.push(item);
    },
    remove(item) {
      const place = placeOf(item);
      const index = search(place);
      if (itemAt(index, place) !== undefined) items.splice(index, 1);
    },
    find: (place) => itemAt(search(place), place),
    next({ after, count, backwards }) {
      if (backwards) {
        const end = after === undefined ? items.length : search(after);
        return items.slice(Math.max(0, end - count), end).reverse();
      }
      const index = after === undefined ? 0 : search(after);
      const begin = after !== undefined && itemAt(index, after) !== undefined ? index + 1 : index;
      return items.slice(begin, begin + count);
    },
  };
}

/** Items that are sorted or merged before other work gets its turn: a millisecond. */
const AT_ONCE = 2048;

/** Sorts items; equal ones stay in their order. Other work gets its turn meanwhile. */
export async function sortInSlices<Item>(
  items: readonly Item[],
  compare: (one: Item, other: Item) => number,
  slices: TimeSlices,
): Promise<Item[]> {
  let runs: Item[][] = [];
  for (let from = 0; from < items.length; from += AT_ONCE) {
    runs.push(items.slice(from, from + AT_ONCE).sort(compare));
    await slices.next();
  }
  /** Merges two runs. */
  const merge = async (one: Item[], other: Item[]): Promise<Item[]> => {
    const merged = new Array<Item>(one.length + other.length);
    let [at, otherAt] = [0, 0];
    for (let to = 0; to < merged.length; to++) {
      const isFirst =
        otherAt === other.length ||
        (at < one.length && compare(one[at] as Item, other[otherAt] as Item) <= 0);
      merged[to] = (isFirst ? one[at++] : other[otherAt++]) as Item;
      if (to % AT_ONCE === AT_ONCE - 1) await slices.next();
    }
    return merged;
  };
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      merged.push(await merge(runs[at] as Item[], runs[at + 1] ?? []));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}
