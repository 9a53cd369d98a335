/** Tracks in the order of their upload, and pages of them. Times are unique, so a time is a place in the order. */
import { errors } from '../errors.ts';
import type { Track } from '../tracks/track.ts';

type Entry = Pick<Track, 'filename' | 'uploadedAt'>;

export interface UploadOrder {
  add(track: Entry): void;
  /** To be called once, before any other is added. */
  addAll(tracks: Iterable<Entry>): void;
  remove(track: Entry): void;
  /** An ISO 8601 time later than that of every track so far: now, or a millisecond after the newest. */
  nextTime(): string;
  /** File names, newest first, of tracks older than `before`. */
  newestFirst(before?: string): Iterable<string>;
}

export function createUploadOrder(): UploadOrder {
  /** Oldest first, so that a new one goes to the end. */
  const entries: Entry[] = [];

  /** Index of the first entry that is not older than `time`. */
  const search = (time: string): number => {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((entries[middle] as Entry).uploadedAt < time) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  return {
    add({ filename, uploadedAt }) {
      entries.splice(search(uploadedAt), 0, { filename, uploadedAt });
    },
    addAll(tracks) {
      for (const { filename, uploadedAt } of tracks) entries.push({ filename, uploadedAt });
      entries.sort((one, other) => (one.uploadedAt < other.uploadedAt ? -1 : 1));
    },
    remove({ filename, uploadedAt }) {
      for (let index = search(uploadedAt); entries[index]?.uploadedAt === uploadedAt; index++) {
        if (entries[index]?.filename === filename) {
          entries.splice(index, 1);
          return;
        }
      }
    },
    nextTime() {
      const newest = entries.at(-1)?.uploadedAt;
      const after = newest === undefined ? 0 : Date.parse(newest) + 1;
      return new Date(Math.max(Date.now(), after)).toISOString();
    },
    *newestFirst(before) {
      const from = before === undefined ? entries.length : search(before);
      for (let index = from - 1; index >= 0; index--) yield (entries[index] as Entry).filename;
    },
  };
}

/** A cursor is the time of the last track of a page, wrapped so that nobody builds on what it holds. */
export function encodeCursor(uploadedAt: string): string {
  return Buffer.from(uploadedAt).toString('base64url');
}

/** @throws {AppError} 400 when it never was one of ours. */
export function decodeCursor(cursor: string): string {
  const time = Buffer.from(cursor, 'base64url').toString('utf8');
  if (Number.isNaN(Date.parse(time)) || new Date(time).toISOString() !== time) {
    const detail = '"cursor" must be one that the server gave in a Link header';
    throw errors.invalidQuery([{ parameter: 'cursor', detail }]);
  }
  return time;
}
