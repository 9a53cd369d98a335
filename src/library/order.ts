/** Orders of tracks, and places in them that pages begin at. */
import { errors } from '../errors.ts';
import type { Track } from '../tracks/track.ts';
import type { Sort } from './library.ts';

/** A track in the order of uploads: its time and, for records that were copied with their time, its name. */
export type Place = Pick<Track, 'filename' | 'uploadedAt'>;

/** A place in a sorted list. Tracks of equal keys are in the order of their upload. */
export interface SortedPlace extends Place {
  /** What the list is sorted by; the same for all tracks of a list in the order of uploads. */
  key: string | number;
}

/** Compares as PostgreSQL does with the collation "C". */
export function comparePlaces(one: SortedPlace, other: SortedPlace): number {
  return compareKeys(one.key, other.key) || compareUploads(one, other);
}

/** Compares places in the order of uploads. */
export function compareUploads(one: Place, other: Place): number {
  if (one.uploadedAt === other.uploadedAt) return compareText(one.filename, other.filename);
  return one.uploadedAt < other.uploadedAt ? -1 : 1;
}

/** Compares what lists are sorted by. */
export function compareKeys(one: string | number, other: string | number): number {
  return typeof one === 'string' ? compareText(one, other as string) : one - (other as number);
}

/** Compares by code points, as UTF-8 does byte by byte. Strings of JavaScript are compared by their UTF-16 units. */
function compareText(one: string, other: string): number {
  if (one === other) return 0;
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const unit = one.charCodeAt(at);
    const otherUnit = other.charCodeAt(at);
    if (unit !== otherUnit) return rankOf(unit) - rankOf(otherUnit);
  }
  return one.length - other.length;
}

/** Puts surrogates, of which code points above U+FFFF are made, behind the other units. */
function rankOf(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** A cursor is the place of the last track of a page, encoded so that no client builds on what it holds. */
export function encodeCursor({ uploadedAt, filename, key }: SortedPlace, sort: Sort): string {
  const text =
    sort === 'newest' ? `${uploadedAt} ${filename}` : JSON.stringify([sort, key, uploadedAt, filename]);
  return Buffer.from(text).toString('base64url');
}

/** @throws {AppError} 400 when the server never gave such a cursor, or gave it for another order. */
export function decodeCursor(cursor: string, sort: Sort): SortedPlace {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const place = sort === 'newest' ? newestPlace(text) : sortedPlace(text, sort);
  if (place && isTime(place.uploadedAt) && [place.filename, place.key].every(isStorable)) return place;
  const detail = '"cursor" must be one that the server gave in a Link header, with the same "sort"';
  throw errors.invalidQuery([{ parameter: 'cursor', detail }]);
}

/** Earlier versions gave the time alone. */
function newestPlace(text: string): SortedPlace {
  const [uploadedAt = '', filename = ''] = text.split(' ', 2);
  return { key: '', uploadedAt, filename };
}

function sortedPlace(text: string, sort: Sort): SortedPlace | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts)) return undefined;
  const [named, key, uploadedAt, filename] = parts;
  const isPlace = typeof key === (sort === 'duration' ? 'number' : 'string') && typeof filename === 'string';
  return named === sort && isPlace ? { key, uploadedAt, filename } : undefined;
}

/** PostgreSQL takes no U+0000 in text. */
const isStorable = (part: string | number) => !String(part).includes('\0');

/** Of a year with four digits. */
function isTime(uploadedAt: unknown): boolean {
  if (typeof uploadedAt !== 'string' || !/^\d{4}-/.test(uploadedAt)) return false;
  if (Number.isNaN(Date.parse(uploadedAt))) return false;
  return new Date(uploadedAt).toISOString() === uploadedAt;
}
