/** Tracks in the order of their upload, and places in it that pages begin at. */
import { errors } from '../errors.ts';
import type { Track } from '../tracks/track.ts';

/** A place in the order: a track's time and, for records that were copied with their time, its name. */
export type Place = Pick<Track, 'filename' | 'uploadedAt'>;

export interface UploadOrder {
  add(track: Place): void;
  /** Must be called once, before any other track is added. */
  addAll(tracks: Iterable<Place>): void;
  remove(track: Place): void;
  /** An ISO 8601 time later than that of every track so far: now, or a millisecond after the newest. */
  nextTime(): string;
  /** Returns at most `count` places next to `after`, or from the beginning of that direction. */
  next(from: { after: Place | undefined; count: number; oldestFirst: boolean }): Place[];
}

export function createUploadOrder(): UploadOrder {
  /** Oldest first, so that a new one goes to the end. */
  const entries: Place[] = [];

  /** Index of the first entry that is at `place` or newer. */
  const search = (place: Place): number => {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(entries[middle] as Place, place) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const isAt = (index: number, place: Place) => {
    const entry = entries[index];
    return entry !== undefined && compare(entry, place) === 0;
  };

  return {
    add({ filename, uploadedAt }) {
      const place = { filename, uploadedAt };
      entries.splice(search(place), 0, place);
    },
    addAll(tracks) {
      for (const { filename, uploadedAt } of tracks) entries.push({ filename, uploadedAt });
      entries.sort(compare);
    },
    remove(track) {
      const index = search(track);
      if (isAt(index, track)) entries.splice(index, 1);
    },
    nextTime() {
      const newest = entries.at(-1)?.uploadedAt;
      const after = newest === undefined ? 0 : Date.parse(newest) + 1;
      return new Date(Math.max(Date.now(), after)).toISOString();
    },
    next({ after, count, oldestFirst }) {
      if (oldestFirst) {
        const index = after === undefined ? 0 : search(after);
        const begin = after !== undefined && isAt(index, after) ? index + 1 : index;
        return entries.slice(begin, begin + count);
      }
      const end = after === undefined ? entries.length : search(after);
      return entries.slice(Math.max(0, end - count), end).reverse();
    },
  };
}

function compare(one: Place, other: Place): number {
  if (one.uploadedAt !== other.uploadedAt) return one.uploadedAt < other.uploadedAt ? -1 : 1;
  if (one.filename === other.filename) return 0;
  return one.filename < other.filename ? -1 : 1;
}

/** A cursor is the place of the last track of a page, encoded so that no client builds on what it holds. */
export function encodeCursor({ uploadedAt, filename }: Place): string {
  return Buffer.from(`${uploadedAt} ${filename}`).toString('base64url');
}

/** @throws {AppError} 400 when the server never gave such a cursor. */
export function decodeCursor(cursor: string): Place {
  // Earlier versions gave the time alone.
  const [uploadedAt = '', filename = ''] = Buffer.from(cursor, 'base64url').toString('utf8').split(' ', 2);
  if (Number.isNaN(Date.parse(uploadedAt)) || new Date(uploadedAt).toISOString() !== uploadedAt) {
    const detail = '"cursor" must be one that the server gave in a Link header';
    throw errors.invalidQuery([{ parameter: 'cursor', detail }]);
  }
  return { uploadedAt, filename };
}
