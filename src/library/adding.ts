/** Adds tracks to the database, by its function `add_track`: one statement each. */
import type { Database } from '../database/database.ts';
import { filenameKey, numberedFilename } from '../tracks/filename.ts';
import type { TrackDraft } from './library.ts';
import { type Row, type SearchColumns, searchColumnsOf } from './rows.ts';

export interface AddingOptions {
  database: Database;
  /** Id of this process. */
  node: string;
  /** True if this node gets the lease of what it adds. */
  encodes: boolean;
  /** Resolves with the version of its ffmpeg. */
  ffmpegVersion(): Promise<string>;
}

/** `epoch` is that of the lease that this node got, `'0'` where it got none. */
export type AddedRow = Row & { created: boolean; epoch: string | null };

const NAMES_AT_ONCE = 20;

/**
 * Adds a track under `wantedName`, or under the first free of `-2`, `-3`, ... Resolves with its row, or with that of the track that
 * has the same content.
 */
export async function addRow(
  { database, node, encodes, ffmpegVersion }: AddingOptions,
  { wantedName, draft, holder }: { wantedName: string; draft: TrackDraft; holder: string },
): Promise<AddedRow> {
  const { source, upload, status } = draft;
  const ffmpeg = encodes ? await ffmpegVersion() : null;
  for (let first = 1; ; first += NAMES_AT_ONCE) {
    const names = Array.from({ length: NAMES_AT_ONCE }, (_, n) => numberedFilename(wantedName, first + n));
    const columns = names.map((filename) => searchColumnsOf({ ...draft, filename }));
    const [{ artist_key, album_key, seconds }] = columns as [SearchColumns];
    const [row] = await database.change<AddedRow>(
      'select * from add_track($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)',
      [
        ...[
          names,
          names.map(filenameKey),
          columns.map(({ search }) => search),
          source.sha256,
          upload,
          status,
        ],
        ...[JSON.stringify(draft), node, encodes, ffmpeg, holder],
        ...[columns.map(({ title_key }) => title_key), artist_key, album_key, seconds],
      ],
    );
    if (row) return row;
  }
}
