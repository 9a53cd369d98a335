/** Fills the columns that tracks are found and sorted by, in rows that an older version has written. */
import { sleep } from '../concurrency/sleep.ts';
import type { Database } from '../database/database.ts';
import { type Row, type SearchColumns, searchColumnsOf, trackOfRow } from './rows.ts';

const ROWS_AT_ONCE = 500;
/** Nodes that start at once fill the rows one batch after the other. "find" in ASCII. */
const LOCK = 0x66696e64;
const RETRY_MS = 100;
/** The condition of an index. Older versions leave the first as it is, and write the second. */
const UNFILLED = `(title_key is null or strpos(search, E'\\x01') > 0)`;

/** Returns a function that resolves when all rows are filled. It begins when it is called, and again after a failure. */
export function createFilling({ transaction }: Database): () => Promise<void> {
  let filling: Promise<void> | undefined;

  /** Fills some rows. Resolves with true when none is left. */
  const fillSome = () =>
    transaction(async (query): Promise<boolean | 'locked'> => {
      const [empty] = await query(`select from tracks where ${UNFILLED} limit 1`);
      if (!empty) return true;
      const [lock] = await query<{ is_ours: boolean }>('select pg_try_advisory_xact_lock($1) as is_ours', [
        LOCK,
      ]);
      if (!lock?.is_ours) return 'locked';
      const rows = await query<Row>(
        `select filename, home, record, version from tracks where ${UNFILLED} limit ${ROWS_AT_ONCE}`,
      );
      const columns = rows.map(columnsOfRow);
      const valuesOf = (name: keyof SearchColumns) => columns.map((each) => each[name]);
      // A row that a node has changed meanwhile is filled.
      await query(
        `update tracks set search = filled.search, title_key = filled.title_key, artist_key = filled.artist_key,
           album_key = filled.album_key, seconds = filled.seconds
         from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::float8[])
           as filled (filename, version, search, title_key, artist_key, album_key, seconds)
         where tracks.filename = filled.filename and tracks.version = filled.version`,
        [
          rows.map(({ filename }) => filename),
          rows.map(({ version }) => version),
          ...(['search', 'title_key', 'artist_key', 'album_key', 'seconds'] as const).map(valuesOf),
        ],
      );
      return false;
    });

  const fillAll = async () => {
    for (;;) {
      const isFull = await fillSome();
      if (isFull === true) return;
      if (isFull === 'locked') await sleep(RETRY_MS, { signal: NEVER });
    }
  };

  return () => {
    filling ??= fillAll().catch((error: unknown) => {
      filling = undefined;
      throw error;
    });
    return filling;
  };
}

const NEVER = new AbortController().signal;

/** A record that cannot be read is in no list, and its row is filled all the same. */
function columnsOfRow(row: Row): SearchColumns {
  const track = trackOfRow(row);
  if (track) return searchColumnsOf(track);
  return { search: '', title_key: '', artist_key: '', album_key: '', seconds: 0 };
}
