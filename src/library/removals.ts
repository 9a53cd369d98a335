/** Removals from a library in PostgreSQL: of tracks, and of what no track owns. */
import type { Database, Query } from '../database/database.ts';
import type { Track } from '../tracks/track.ts';
import type { Library } from './library.ts';
import { type Row, SELECT_ROW, trackOfRow } from './rows.ts';

export interface Removals
  extends Pick<Library, 'remove' | 'unownedUploads' | 'unusedCopies' | 'unownedHomes'> {
  /**
   * Puts an original that no track names any more into the trash for an hour: a database that fails over may forget that its
   * track was ready, and needs the original again. A change of its record may have done so already.
   */
  trash(upload: string): Promise<void>;
  /** Gives `remove` each original whose time in the trash is over, and takes it out. */
  emptyTrash(remove: (upload: string) => Promise<void>): Promise<void>;
  /** Ends removals that a crash or an engine has left half-done. `remove` removes what is stored of the track. */
  finishRemovals(
    remove: (stored: Pick<Track, 'home' | 'upload' | 'uploadId'>) => Promise<void>,
  ): Promise<void>;
}

export interface RemovalsOptions {
  database: Database;
  /** Id of this process. */
  node: string;
  forget(filename: string): void;
  /** Originals that a change of a record has put into the trash. */
  trashed: { delete(upload: string): boolean };
  /** Runs a step after the changes of a track that this node has begun. */
  inTurn<T>(filename: string, step: () => Promise<T>): Promise<T>;
}

/** Longer than a removal takes that is under way. */
const ABANDONED = `interval '2 minutes'`;
export const TRASHED = `interval '1 hour'`;

export function createRemovals({ database, node, forget, trashed, inTurn }: RemovalsOptions): Removals {
  const { query } = database;
  const free = (filename: string, home: string) =>
    query('delete from tracks where filename = $1 and home = $2 and removed_at is not null', [
      filename,
      home,
    ]);

  const markRemoved = async (filename: string): Promise<{ home: string } | undefined> => {
    const [removed] = await query<{ home: string }>(
      `with gone as (
         update tracks set removed_at = clock_timestamp(), version = nextval('track_versions')
           where filename = $1 and removed_at is null returning home, version)
       select home,
         pg_notify('track', json_build_object('filename', $1::text, 'version', version, 'node', $2::text)::text)
       from gone`,
      [filename, node],
    );
    forget(filename);
    return removed;
  };

  return {
    async remove(filename, beforeNameIsFree) {
      const removed = await inTurn(filename, () => markRemoved(filename));
      if (!removed) return;
      await beforeNameIsFree();
      await free(filename, removed.home);
    },
    unownedUploads: (uploads) =>
      withoutRow(
        query,
        uploads,
        `select upload as key from tracks where upload = any($1)
         union all ${IN_TRASH}`,
      ),
    // PostgreSQL reads no JSON with a name that contains U+0000: its text is searched. Quotes in a name are escaped there.
    unusedCopies: (uploads) =>
      withoutRow(
        query,
        uploads,
        `select upload as key from tracks where upload = any($1) and record::text like '%"hasSeekableCopy":true%'
         union all ${IN_TRASH}`,
      ),
    unownedHomes: (homes) =>
      withoutRow(query, homes, 'select home as key from tracks where home = any($1::uuid[])', UUID),
    async trash(upload) {
      if (trashed.delete(upload)) return;
      await query(
        `insert into trash (upload, not_before) select $1::text, now() + ${TRASHED}
         where not exists (select from tracks where upload = $1) on conflict do nothing`,
        [upload],
      );
    },
    async emptyTrash(remove) {
      const due = await query<{ upload: string }>('select upload from trash where not_before < now()');
      for (const { upload } of due) {
        // A database that has forgotten that the track was ready names it again.
        const [named] = await query('select from tracks where upload = $1', [upload]);
        if (!named) await remove(upload);
        await query('delete from trash where upload = $1', [upload]);
      }
    },
    async finishRemovals(remove) {
      const rows = await query<Row>(`${SELECT_ROW} where removed_at < now() - ${ABANDONED}`);
      for (const row of rows) {
        const { upload = null, uploadId = null } = trackOfRow(row) ?? {};
        await remove({ home: row.home, upload, uploadId });
        await free(row.filename, row.home);
      }
    },
  };
}

const IN_TRASH = 'select upload as key from trash where upload = any($1)';
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const KEYS_AT_ONCE = 5000;

/** Resolves with those keys for which a statement finds no row. It finds none for a key that no row can have. */
async function withoutRow(
  query: Query,
  keys: readonly string[],
  statement: string,
  possible = /./,
): Promise<string[]> {
  const owned = new Set<string>();
  const asked = keys.filter((key) => possible.test(key));
  for (let at = 0; at < asked.length; at += KEYS_AT_ONCE) {
    const found = await query<{ key: string }>(statement, [asked.slice(at, at + KEYS_AT_ONCE)]);
    for (const { key } of found) owned.add(key);
  }
  return keys.filter((key) => !owned.has(key));
}
