/** Pages through the tracks in PostgreSQL. */
import type { Query } from '../database/database.ts';
import type { TrackStatus } from '../tracks/status.ts';
import type { Track } from '../tracks/track.ts';
import type { Library, PageRequest } from './library.ts';
import { decodeCursor, encodeCursor, type Place, type SortedPlace } from './order.ts';
import type { Row } from './rows.ts';
import { keyOf, wordsOf } from './search-text.ts';
import { patternOf } from './trigram-text.ts';

export interface Listing extends Pick<Library, 'page'> {
  /** Yields the tracks of a status that are meant, oldest first. @param condition in SQL, for rows that an index tells. */
  those(status: TrackStatus, isMeant?: (track: Track) => boolean, condition?: string): AsyncGenerator<Track>;
}

/** A row with its place in a list: its time, and the key that the list is sorted by. */
type PlacedRow = Row & { uploaded_at: Date; key?: string | number };
const SELECT_PLACED =
  'select filename, home, record, version, uploaded_at from tracks where removed_at is null';
const ROWS_AT_ONCE = 500;

/** @param readable returns the tracks of those rows whose record can be read. */
export function createListing(query: Query, readable: (rows: Row[]) => Track[]): Listing {
  return {
    async page(request: PageRequest) {
      const { limit = Number.POSITIVE_INFINITY, cursor, sort = 'newest' } = request;
      let after = cursor === undefined ? undefined : decodeCursor(cursor, sort);
      const tracks: Track[] = [];
      const places: SortedPlace[] = [];
      for (;;) {
        const count = Math.min(ROWS_AT_ONCE, limit - tracks.length + 1);
        const { sql, values } = pageStatement(request, after, count);
        const rows = await query<PlacedRow>(sql, values);
        for (const row of rows) {
          const found = readable([row]);
          tracks.push(...found);
          places.push(...found.map(() => placeOf(row)));
        }
        const last = rows.at(-1);
        if (tracks.length > limit) {
          return {
            tracks: tracks.slice(0, limit),
            nextCursor: encodeCursor(places[limit - 1] as SortedPlace, sort),
          };
        }
        if (rows.length < count || !last) return { tracks, nextCursor: undefined };
        after = placeOf(last);
      }
    },
    async *those(status, isMeant = () => true, condition = 'true') {
      let after: Place = { uploadedAt: '-infinity', filename: '' };
      for (;;) {
        const rows = await query<PlacedRow>(
          `${SELECT_PLACED} and status = $1 and ${condition} and (uploaded_at, filename) > ($2, $3)
           order by uploaded_at, filename limit ${ROWS_AT_ONCE}`,
          [status, after.uploadedAt, after.filename],
        );
        yield* readable(rows).filter(isMeant);
        const last = rows.at(-1);
        if (!last) return;
        after = placeOf(last);
      }
    },
  };
}

/** Returns whether a page needs the columns that tracks are found and sorted by. */
export function isSearch({ query, artist, album, sort = 'newest' }: PageRequest): boolean {
  return Boolean(query) || artist !== undefined || album !== undefined || sort !== 'newest';
}

/** Columns that lists are sorted by. */
const KEY_COLUMNS = { title: 'title_key', artist: 'artist_key', duration: 'seconds' } as const;

/** Returns the statement of a part of a page. Each order and each filter has an index: see the migrations. */
function pageStatement(
  { query = '', status, artist, album, sort = 'newest', oldestFirst = false }: PageRequest,
  after: SortedPlace | undefined,
  count: number,
): { sql: string; values: unknown[] } {
  const values: unknown[] = [];
  const value = (one: unknown) => `$${values.push(one)}`;
  const conditions = wordsOf(query).map((word) => `search like ${value(patternOf(word))}`);
  if (status !== undefined) conditions.push(`status = ${value(status)}`);
  if (artist !== undefined) conditions.push(`artist_key = ${value(keyOf(artist))}`);
  if (album !== undefined) conditions.push(`album_key = ${value(keyOf(album))}`);
  const key = sort === 'newest' ? undefined : KEY_COLUMNS[sort];
  const [beyond, direction] = key || oldestFirst ? ['>', 'asc'] : ['<', 'desc'];
  const columns = [...(key ? [key] : []), 'uploaded_at', 'filename'];
  if (after) {
    const { uploadedAt, filename } = after;
    const place = [...(key ? [after.key] : []), uploadedAt, filename].map(value);
    conditions.push(`(${columns.join(', ')}) ${beyond} (${place.join(', ')})`);
  }
  const sql = `select filename, home, record, version, uploaded_at${key ? `, ${key} as key` : ''} from tracks
    where ${['removed_at is null', ...conditions].join(' and ')}
    order by ${columns.map((column) => `${column} ${direction}`).join(', ')} limit ${value(count)}`;
  return { sql, values };
}

function placeOf({ uploaded_at, filename, key = '' }: PlacedRow): SortedPlace {
  return { uploadedAt: uploaded_at.toISOString(), filename, key };
}
