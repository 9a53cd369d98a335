/** What a library on disk keeps in memory to list its tracks: their orders, and the texts in which they are found. */
import { createTimeSlices } from '../concurrency/time-slices.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';
import type { Page, PageRequest, Sort } from './library.ts';
import {
  compareKeys,
  comparePlaces,
  compareUploads,
  decodeCursor,
  encodeCursor,
  type Place,
  type SortedPlace,
} from './order.ts';
import { searchOf } from './search.ts';
import { keysOf, searchTextOf } from './search-text.ts';
import { createSignatures } from './signatures.ts';
import { createSortedList, type SortedList, sortInSlices } from './sorted-list.ts';

export interface Catalogue {
  add(track: Track): void;
  /** Must be called once, and come to its end before anything else is called. Other work gets its turn meanwhile. */
  addAll(tracks: Iterable<Track>): Promise<void>;
  remove(track: Place): void;
  /** Notes that a track has changed. */
  change(before: Track, after: Track): void;
  /** Returns an ISO 8601 time later than that of every track so far: now, or a millisecond after the newest. */
  nextTime(): string;
  /** Returns a page, as `Library.page` does. */
  page(request: PageRequest): Promise<Page>;
  /** Yields all tracks, oldest first. Other work gets its turn meanwhile. */
  all(): AsyncGenerator<Track>;
}

/** A track in the lists. Never changed: another one takes its place. */
interface Entry extends Place {
  text: string;
  seconds: number;
  /** Number of its signature. */
  slot: number;
}

/** So few are looked at, and sorted, on their own; more are looked for in the list. */
const FEW = 500;
/** Tracks that are looked at before other work gets its turn: half a millisecond. */
const IN_SLICE = 500;
/** Tracks of which a search reads the flags before other work gets its turn. */
const FLAGS_IN_SLICE = 5000;

const KEYS: Record<Sort, (entry: Entry) => string | number> = {
  newest: () => '',
  title: ({ text }) => keysOf(text).title,
  artist: ({ text }) => keysOf(text).artist,
  duration: ({ seconds }) => seconds,
};

/** @param trackOf returns a track, or undefined for one that is not there yet, or no more. */
export function createCatalogue(trackOf: (filename: string) => Track | undefined): Catalogue {
  const signatures = createSignatures();
  /** Entries by the numbers of their signatures. */
  const bySlot: (Entry | undefined)[] = [];
  const slices = createTimeSlices();
  const uploads = createList('newest');
  /** The other lists, from the first time on that they are asked for. */
  const lists = new Map<Sort, SortedList<Entry>>([['newest', uploads]]);
  const making = new Map<Sort, Promise<SortedList<Entry>>>();
  /** Changes of the lists that are being made. */
  const missed: ((list: SortedList<Entry>) => void)[] = [];

  const newEntry = (track: Track): Entry => {
    const text = searchTextOf(track);
    const entry = entryOf(track, signatures.add(text, track.status), text);
    bySlot[entry.slot] = entry;
    return entry;
  };
  const inAll = (change: (list: SortedList<Entry>) => void) => {
    for (const list of lists.values()) change(list);
    if (making.size > 0) missed.push(change);
  };

  const make = async (sort: Sort): Promise<SortedList<Entry>> => {
    const begun = missed.length;
    const entries = uploads.next({ after: undefined, count: uploads.length, backwards: false });
    const keyed = entries.map((entry) => ({ key: KEYS[sort](entry), entry }));
    const sorted = await sortInSlices(keyed, (one, other) => compareKeys(one.key, other.key), slices);
    const list = createList(
      sort,
      sorted.map(({ entry }) => entry),
    );
    for (const change of missed.slice(begun)) change(list);
    lists.set(sort, list);
    making.delete(sort);
    if (making.size === 0) missed.length = 0;
    return list;
  };
  const listBy = async (sort: Sort): Promise<SortedList<Entry>> => {
    const list = lists.get(sort);
    if (list) return list;
    if (!making.has(sort)) making.set(sort, make(sort));
    return making.get(sort) as Promise<SortedList<Entry>>;
  };

  /** Yields the entries of a list that come after a place, in slices. Other work gets its turn in between. */
  async function* walk(
    list: SortedList<Entry>,
    { sort, after, backwards, count = IN_SLICE }: Direction & { count?: number },
  ): AsyncGenerator<Entry[]> {
    for (let from = after; ; ) {
      const entries = list.next({ after: from, count, backwards });
      yield entries;
      if (entries.length < count) return;
      from = placeIn(sort, entries.at(-1) as Entry);
      await slices.next();
    }
  }

  return {
    add: (track) => {
      const entry = newEntry(track);
      inAll((list) => list.add(entry));
    },
    async addAll(tracks) {
      const entries: Entry[] = [];
      for (const track of tracks) {
        if (entries.push(newEntry(track)) % IN_SLICE === 0) await slices.next();
      }
      uploads.append(await sortInSlices(entries, compareUploads, slices));
    },
    remove(track) {
      const entry = uploads.find(placeOf(track));
      if (!entry) return;
      inAll((list) => list.remove(entry));
      signatures.remove(entry.slot);
      bySlot[entry.slot] = undefined;
    },
    change(before, after) {
      const old = uploads.find(placeOf(after));
      if (!old) return;
      const isSame = before.tags === after.tags && before.metadata === after.metadata;
      const entry = entryOf(after, old.slot, isSame ? old.text : searchTextOf(after));
      signatures.set(entry.slot, entry.text, after.status);
      if (entry.text === old.text && entry.seconds === old.seconds) return;
      bySlot[entry.slot] = entry;
      inAll((list) => {
        list.remove(old);
        list.add(entry);
      });
    },
    nextTime() {
      const newest = uploads.last()?.uploadedAt;
      const after = newest === undefined ? 0 : Date.parse(newest) + 1;
      return new Date(Math.max(Date.now(), after)).toISOString();
    },
    async page(request) {
      const { limit = Number.POSITIVE_INFINITY, cursor, sort = 'newest', oldestFirst = false } = request;
      const after = cursor === undefined ? undefined : decodeCursor(cursor, sort);
      const backwards = sort === 'newest' && !oldestFirst;
      const search = searchOf(request);
      const flags = search && signatures.flags(search.needles, request.status);
      const wanted = (entry: Entry): Track | undefined => {
        if (search && !search.isFound(entry.text)) return undefined;
        const track = trackOf(entry.filename);
        return request.status === undefined || track?.status === request.status ? track : undefined;
      };
      const few = flags && slotsOf(flags, FEW);
      const entries = few
        ? inOrder(
            few.flatMap((slot) => bySlot[slot] ?? []),
            { sort, after, backwards },
          )
        : walk(await listBy(sort), {
            sort,
            after,
            backwards,
            count: flags ? FLAGS_IN_SLICE : Math.min(IN_SLICE, limit + 1),
          });
      const found: Track[] = [];
      let last: Entry | undefined;
      let looked = 0;
      for await (const slice of entries) {
        for (const entry of slice) {
          if (flags && flags[entry.slot] !== 1) continue;
          if (++looked % IN_SLICE === 0) await slices.next();
          const track = wanted(entry);
          if (!track) continue;
          if (last && found.length === limit)
            return { tracks: found, nextCursor: encodeCursor(placeIn(sort, last), sort) };
          found.push(track);
          last = entry;
        }
      }
      return { tracks: found, nextCursor: undefined };
    },
    async *all() {
      for await (const entries of walk(uploads, { sort: 'newest', after: undefined, backwards: false })) {
        for (const { filename } of entries) {
          const track = trackOf(filename);
          if (track) yield track;
        }
      }
    },
  };
}

/** Returns the numbers that are flagged; undefined where they are more than `most`. */
function slotsOf(flags: Uint8Array, most: number): number[] | undefined {
  const slots: number[] = [];
  for (let slot = flags.indexOf(1); slot >= 0; slot = flags.indexOf(1, slot + 1)) {
    if (slots.length === most) return undefined;
    slots.push(slot);
  }
  return slots;
}

interface Direction {
  sort: Sort;
  after: SortedPlace | undefined;
  backwards: boolean;
}

/** Returns those entries that come after a place, sorted, as one slice. */
function inOrder(entries: Entry[], { sort, after, backwards }: Direction): Entry[][] {
  const sign = backwards ? -1 : 1;
  const placed = entries.map((entry) => ({ entry, place: placeIn(sort, entry) }));
  return [
    placed
      .filter(({ place }) => after === undefined || sign * comparePlaces(place, after) > 0)
      .sort((one, other) => sign * comparePlaces(one.place, other.place))
      .map(({ entry }) => entry),
  ];
}

function entryOf(track: Track, slot: number, text: string): Entry {
  const { filename, uploadedAt } = track;
  return { filename, uploadedAt, text, seconds: durationSeconds(track), slot };
}

const createList = (sort: Sort, entries: Entry[] = []) =>
  createSortedList((entry: Entry) => placeIn(sort, entry), entries);

function placeIn(sort: Sort, entry: Entry): SortedPlace {
  return { key: KEYS[sort](entry), uploadedAt: entry.uploadedAt, filename: entry.filename };
}
const placeOf = ({ uploadedAt, filename }: Place): SortedPlace => ({ key: '', uploadedAt, filename });
