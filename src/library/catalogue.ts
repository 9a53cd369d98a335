/** What a library on disk keeps in memory to list its tracks: their orders, and the texts in which they are found. */
import { createTimeSlices } from '../concurrency/time-slices.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';
import type { Page, PageRequest, Sort } from './library.ts';
import { decodeCursor, encodeCursor, type Place, type SortedPlace } from './order.ts';
import { KEY_LENGTH, keyOf, keysOf, searchTextOf, wordsOf } from './search-text.ts';
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

/** Tracks that are looked at before other work gets its turn: half a millisecond. */
const IN_SLICE = 500;

const KEYS: Record<Sort, (entry: Entry) => string | number> = {
  newest: () => '',
  title: ({ text }) => keysOf(text).title,
  artist: ({ text }) => keysOf(text).artist,
  duration: ({ seconds }) => seconds,
};

/** @param trackOf returns a track, or undefined for one that is not there yet, or no more. */
export function createCatalogue(trackOf: (filename: string) => Track | undefined): Catalogue {
  const signatures = createSignatures();
  const slices = createTimeSlices();
  const uploads = createList('newest');
  /** The other lists, from the first time on that they are asked for. */
  const lists = new Map<Sort, SortedList<Entry>>([['newest', uploads]]);
  const making = new Map<Sort, Promise<SortedList<Entry>>>();
  /** Changes of the lists that are being made. */
  const missed: ((list: SortedList<Entry>) => void)[] = [];

  const entryOf = (track: Track, slot: number): Entry => {
    const { filename, uploadedAt } = track;
    return { filename, uploadedAt, text: searchTextOf(track), seconds: durationSeconds(track), slot };
  };
  const newEntry = (track: Track): Entry => {
    const entry = entryOf(track, 0);
    entry.slot = signatures.add(entry.text, track.status);
    return entry;
  };
  const inAll = (change: (list: SortedList<Entry>) => void) => {
    for (const list of lists.values()) change(list);
    if (making.size > 0) missed.push(change);
  };

  const make = async (sort: Sort): Promise<SortedList<Entry>> => {
    const begun = missed.length;
    const entries = uploads.next({ after: undefined, count: uploads.length, backwards: false });
    const placed = entries.map((entry) => ({ ...placeIn(sort, entry), entry }));
    const sorted = await sortInSlices(placed, slices);
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

  return {
    add: (track) => {
      const entry = newEntry(track);
      inAll((list) => list.add(entry));
    },
    async addAll(tracks) {
      const placed: (SortedPlace & { entry: Entry })[] = [];
      for (const track of tracks) {
        const entry = newEntry(track);
        placed.push({ ...placeOf(entry), entry });
        if (placed.length % IN_SLICE === 0) await slices.next();
      }
      const sorted = await sortInSlices(placed, slices);
      uploads.append(sorted.map(({ entry }) => entry));
    },
    remove(track) {
      const entry = uploads.find(placeOf(track));
      if (!entry) return;
      inAll((list) => list.remove(entry));
      signatures.remove(entry.slot);
    },
    change(before, after) {
      const old = uploads.find(placeOf(after));
      if (!old) return;
      const isFound = before.tags === after.tags && before.metadata === after.metadata;
      const entry = isFound ? { ...old, seconds: durationSeconds(after) } : entryOf(after, old.slot);
      signatures.set(entry.slot, entry.text, after.status);
      if (entry.text === old.text && entry.seconds === old.seconds) return;
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
      let after = cursor === undefined ? undefined : decodeCursor(cursor, sort);
      const isWanted = filterOf(request, signatures, trackOf);
      const count = isWanted ? IN_SLICE : Math.min(IN_SLICE, limit + 1);
      const list = await listBy(sort);
      const backwards = sort === 'newest' && !oldestFirst;
      const found: Track[] = [];
      let last: SortedPlace | undefined;
      for (;;) {
        const entries = list.next({ after, count, backwards });
        for (const entry of entries) {
          const track = isWanted ? isWanted(entry) : trackOf(entry.filename);
          if (!track) continue;
          if (found.length === limit)
            return { tracks: found, nextCursor: encodeCursor(last as SortedPlace, sort) };
          found.push(track);
          if (found.length === limit) last = placeIn(sort, entry);
        }
        if (entries.length < count) return { tracks: found, nextCursor: undefined };
        after = placeIn(sort, entries.at(-1) as Entry);
        await slices.next();
      }
    },
    async *all() {
      for (let after: SortedPlace | undefined; ; ) {
        const entries = uploads.next({ after, count: IN_SLICE, backwards: false });
        for (const { filename } of entries) {
          const track = trackOf(filename);
          if (track) yield track;
        }
        if (entries.length < IN_SLICE) return;
        after = placeOf(entries.at(-1) as Entry);
        await slices.next();
      }
    },
  };
}

/** Returns a function that returns the track of an entry if it is wanted; undefined where all are. */
function filterOf(
  { query = '', status, artist, album }: PageRequest,
  signatures: ReturnType<typeof createSignatures>,
  trackOf: (filename: string) => Track | undefined,
): ((entry: Entry) => Track | undefined) | undefined {
  const words = wordsOf(query);
  const keys = {
    ...(artist !== undefined && { artist: keyOf(artist) }),
    ...(album !== undefined && { album: keyOf(album) }),
  };
  const isKeyed = Object.keys(keys).length > 0;
  if (words.length === 0 && !isKeyed && status === undefined) return undefined;
  // The last unit of a key that was cut may stand for half a character.
  const parts = Object.values(keys).map((key) => key.slice(0, KEY_LENGTH - 1));
  const mayMatch = signatures.filter([...words, ...parts], status);
  return ({ filename, text, slot }) => {
    if (!mayMatch(slot) || !words.every((word) => text.includes(word))) return undefined;
    if (isKeyed) {
      const own = keysOf(text);
      if ((keys.artist ?? own.artist) !== own.artist || (keys.album ?? own.album) !== own.album)
        return undefined;
    }
    const track = trackOf(filename);
    return status === undefined || track?.status === status ? track : undefined;
  };
}

const createList = (sort: Sort, entries: Entry[] = []) =>
  createSortedList((entry: Entry) => placeIn(sort, entry), entries);

function placeIn(sort: Sort, entry: Entry): SortedPlace {
  return { key: KEYS[sort](entry), uploadedAt: entry.uploadedAt, filename: entry.filename };
}
const placeOf = ({ uploadedAt, filename }: Place): SortedPlace => ({ key: '', uploadedAt, filename });
