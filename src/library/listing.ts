/** Pages through the tracks in PostgreSQL. */
import type { Query } from '../database/database.ts';
import type { TrackStatus } from '../tracks/status.ts';
import type { Track } from '../tracks/track.ts';
import type { Library, PageRequest } from './library.ts';
import { decodeCursor, encodeCursor, type Place } from './order.ts';
import { type Row, searchable } from './rows.ts';

export interface Listing extends Pick<Library, 'page'> {
  /** Yields the tracks of a status that are meant, oldest first. */
  those(status: TrackStatus, isMeant?: (track: Track) => boolean): AsyncGenerator<Track>;
}

type PlacedRow = Row & { uploaded_at: Date };
const SELECT_PLACED =
  'select filename, home, record, version, uploaded_at from tracks where removed_at is null';
const ROWS_AT_ONCE = 500;

/** @param readable returns the tracks of those rows whose record can be read. */
export function createListing(query: Query, readable: (rows: Row[]) => Track[]): Listing {
  return {
    async page({ limit = Number.POSITIVE_INFINITY, cursor, query: part, oldestFirst = false }: PageRequest) {
      let after = cursor === undefined ? undefined : decodeCursor(cursor);
      const tracks: Track[] = [];
      for (;;) {
        const count = Math.min(ROWS_AT_ONCE, limit - tracks.length + 1);
        const rows = await query<PlacedRow>(pageStatement(oldestFirst), [
          after?.uploadedAt ?? null,
          after?.filename ?? null,
          part ? searchable(part) : null,
          count,
        ]);
        tracks.push(...readable(rows));
        const last = rows.at(-1);
        if (tracks.length > limit) {
          const found = tracks.slice(0, limit);
          return { tracks: found, nextCursor: encodeCursor(found.at(-1) as Place) };
        }
        if (rows.length < count || !last) return { tracks, nextCursor: undefined };
        after = placeOf(last);
      }
    },
    async *those(status, isMeant = () => true) {
      let after: Place = { uploadedAt: '-infinity', filename: '' };
      for (;;) {
        const rows = await query<PlacedRow>(
          `${SELECT_PLACED} and status = $1 and (uploaded_at, filename) > ($2, $3)
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

/** Values: time and name of the place before, part of a name, number of rows. */
function pageStatement(oldestFirst: boolean): string {
  const [beyond, direction] = oldestFirst ? ['>', 'asc'] : ['<', 'desc'];
  return `${SELECT_PLACED} and ($1::timestamptz is null or (uploaded_at, filename) ${beyond} ($1, $2))
    and ($3::text is null or strpos(search, $3) > 0)
    order by uploaded_at ${direction}, filename ${direction} limit $4`;
}

function placeOf({ uploaded_at, filename }: PlacedRow): Place {
  return { uploadedAt: uploaded_at.toISOString(), filename };
}
