/** Takes over tracks into a database, beside the nodes that use it. */
import type { Database, Query } from '../database/database.ts';
import { filenameKey } from '../tracks/filename.ts';
import type { Track } from '../tracks/track.ts';
import type { Held, Importing } from './importing.ts';
import {
  ANALYSIS_COLUMNS,
  analysisAssignments,
  analysisColumnsOf,
  columnsOf,
  type Row,
  type SearchColumns,
  trackOfRow,
} from './rows.ts';

/** The lock of additions, as in the function `add_track`: no addition meets a name or content that another one takes. */
const ADDITIONS = 1_633_969_267;

type HeldRow = Row & { name_key: string; sha256: string | null; is_imported: boolean; is_leaving: boolean };

/** A record that was taken over is dated by its upload, and each change of a node dates it anew. */
const SELECT_HELD = `select filename, home, record, version, name_key, sha256,
  changed_at = uploaded_at as is_imported, removed_at is not null as is_leaving from tracks`;

export function createPostgresImporting({ query, transaction }: Database): Importing {
  return {
    async find(tracks) {
      const keys = tracks.map(({ filename }) => filenameKey(filename));
      const rows = await query<HeldRow>(
        `${SELECT_HELD} where name_key = any($1)
         union all ${SELECT_HELD} where sha256 = any($2) and removed_at is null and name_key <> all($1)`,
        [keys, tracks.map(({ source }) => source.sha256)],
      );
      const byKey = new Map(rows.map((row) => [row.name_key, row]));
      const bySha256 = new Map(rows.filter((row) => !row.is_leaving).map((row) => [row.sha256, row]));
      return tracks.map(({ source }, at) => ({
        byName: heldOf(byKey.get(keys[at] as string)),
        byContent: heldOf(bySha256.get(source.sha256)),
      }));
    },
    add: (track) =>
      transaction(async (on) => {
        await on('select pg_advisory_xact_lock($1)', [ADDITIONS]);
        const columns = columnsOf(track);
        const { filename, status, sha256, upload, search, record } = columns;
        const [added] = await on<{ version: string }>(
          `insert into tracks (filename, name_key, home, status, sha256, upload, uploaded_at, changed_at, search, record,
             title_key, artist_key, album_key, seconds, ${ANALYSIS_COLUMNS.join(', ')})
           values ($1, $2, $3, $4, $5, $6, $7::timestamptz(3), $7::timestamptz(3), $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
           on conflict do nothing returning version`,
          [
            filename,
            filenameKey(filename),
            track.home,
            status,
            sha256,
            upload,
            track.uploadedAt,
            search,
            record,
            ...keysIn(columns),
            ...analysisColumnsOf(track),
          ],
        );
        if (added) await announce(on, track, added.version);
        return added !== undefined;
      }),
    replace: (held, track) =>
      transaction(async (on) => {
        const columns = columnsOf(track);
        const { filename, status, sha256, upload, search, record } = columns;
        // No node takes the track while its row is locked.
        const [work] = await on<{ is_held: boolean }>(
          'select node is not null and until > now() as is_held from work where filename = $1 for update',
          [filename],
        );
        if (work?.is_held) return false;
        const [changed] = await on<{ version: string }>(
          `update tracks set status = $3, sha256 = $4, upload = $5, search = $6, record = $7,
             title_key = $8, artist_key = $9, album_key = $10, seconds = $11, ${analysisAssignments(12)},
             version = nextval('track_versions'), changed_at = uploaded_at
           where filename = $1 and version = $2 and removed_at is null returning version`,
          [
            ...[filename, held.version, status, sha256, upload, search, record],
            ...[...keysIn(columns), ...analysisColumnsOf(track)],
          ],
        );
        if (!changed) return false;
        if (status !== 'processing') await on('delete from work where filename = $1', [filename]);
        await announce(on, track, changed.version);
        return true;
      }),
    async count() {
      const [row] = await query<{ count: number }>(
        'select count(*)::int as count from tracks where removed_at is null',
      );
      return row?.count ?? 0;
    },
  };
}

/** Returns what lists are sorted by. */
function keysIn({ title_key, artist_key, album_key, seconds }: SearchColumns) {
  return [title_key, artist_key, album_key, seconds];
}

/** Tells the nodes of a record, and offers them what it says is to be encoded. */
async function announce(on: Query, { filename, status }: Track, version: string): Promise<void> {
  await on(
    `select pg_notify('track', json_build_object('filename', $1::text, 'version', $2::bigint, 'node', '')::text)`,
    [filename, version],
  );
  if (status !== 'processing') return;
  await on('insert into work (filename) values ($1) on conflict do nothing', [filename]);
  await on(`select pg_notify('work', '')`);
}

function heldOf(row: HeldRow | undefined): Held | undefined {
  if (!row) return undefined;
  const { filename, version, is_imported: isAsImported, is_leaving: isLeaving } = row;
  return { filename, track: trackOfRow(row), version, isAsImported, isLeaving };
}
