/** A library in PostgreSQL and S3, as either side of a move. */
import { createHash } from 'node:crypto';
import type { Logger } from 'pino';
import type { SharedEngines } from '../config/config.ts';
import { type Database, openDatabase } from '../database/database.ts';
import { assertCurrent, migrate } from '../database/migrate.ts';
import { createListing } from '../library/listing.ts';
import { createPostgresImporting } from '../library/postgres-importing.ts';
import { type Row, SELECT_ROW, trackOfRow } from '../library/rows.ts';
import { openBucket } from '../storage/s3-bucket.ts';
import { createS3, type S3Settings } from '../storage/s3-client.ts';
import { openMultiparts } from '../storage/s3-multipart.ts';
import { assertBucket } from '../storage/s3-startup.ts';
import type { Track } from '../tracks/track.ts';
import { bucketFiles } from './bucket-files.ts';
import type { Group, Source, Target, TargetFiles } from './sides.ts';

const GROUP_TRACKS = 200;

/**
 * Opens the engines for reading, also while nodes use them.
 *
 * @throws {StartupError} when an engine cannot be used, or the database holds no library of this version.
 */
export async function openClusterSource(engines: SharedEngines): Promise<Source> {
  const { database, files, close } = await openEngines(engines, (opened) =>
    assertCurrent(engines.databaseUrl, opened),
  );
  const { query } = database;

  async function* groups(): AsyncGenerator<Group> {
    let group: Group = { tracks: [], damaged: [] };
    const readable = (rows: Row[]) =>
      rows.flatMap((row) => {
        const track = trackOfRow(row);
        if (!track) group.damaged.push(row.filename);
        return track ?? [];
      });
    const listing = createListing(query, readable);
    let cursor: string | undefined;
    do {
      const page = await listing.page({ limit: GROUP_TRACKS, cursor, oldestFirst: true });
      group.tracks.push(...page.tracks);
      yield group;
      group = { tracks: [], damaged: [] };
      cursor = page.nextCursor;
    } while (cursor !== undefined);
  }

  return {
    name: nameOf(engines),
    files,
    async size() {
      // PostgreSQL reads no JSON with a name that contains U+0000: the number is taken out of the text.
      const [row] = await query<{ tracks: number; bytes: number }>(
        `select count(*)::int as tracks,
           coalesce(sum(substring(record::text from '"storedBytes":([0-9]+)')::bigint), 0)::float8 as bytes
         from tracks where removed_at is null`,
      );
      return row ?? { tracks: 0, bytes: 0 };
    },
    groups,
    async get(filename) {
      const [row] = await query<Row>(`${SELECT_ROW} where filename = $1 and removed_at is null`, [filename]);
      return row && trackOfRow(row);
    },
    async isEncoding(filename) {
      const held = await query('select from work where filename = $1 and until > now()', [filename]);
      return held.length > 0;
    },
    close,
  };
}

/**
 * Opens the engines for adding, beside the nodes that use them. Makes the tables where there are none.
 *
 * @throws {StartupError} when an engine cannot be used.
 */
export async function openClusterTarget(engines: SharedEngines, log: Logger): Promise<Target> {
  const { database, files, close } = await openEngines(engines, (opened) =>
    migrate(engines.databaseUrl, opened, log),
  );
  return { name: nameOf(engines), files, importing: createPostgresImporting(database), newHome, close };
}

async function openEngines(
  engines: SharedEngines,
  prepare: (database: Database) => Promise<void>,
): Promise<{ database: Database; files: TargetFiles; close(): Promise<void> }> {
  const settings = s3SettingsOf(engines);
  const database = openDatabase(engines.databaseUrl);
  const s3 = createS3(settings);
  const close = async () => {
    s3.client.destroy();
    await database.close();
  };
  try {
    await prepare(database);
    await assertBucket(s3, settings);
  } catch (error) {
    await close();
    throw error;
  }
  return { database, files: bucketFiles(openBucket(s3), openMultiparts(s3)), close };
}

function s3SettingsOf({ bucket, endpoint, region, credentials }: SharedEngines): S3Settings {
  return {
    ...{ bucket, region, endpoint: endpoint ?? undefined },
    accessKeyId: credentials?.accessKeyId,
    secretAccessKey: credentials?.secretAccessKey,
  };
}

/** Returns a name without user and password. */
function nameOf({ databaseUrl, bucket }: SharedEngines): string {
  const { host, pathname } = new URL(databaseUrl);
  return `the database ${host}${pathname} and the bucket "${bucket}"`;
}

/**
 * Returns a UUID (version 8) of what identifies an upload. Another run finds what the one before has stored; another upload of the
 * same file under the same name gets another home.
 */
function newHome({ filename, uploadedAt, uploadId, source }: Track): string {
  const identity = JSON.stringify([filename, uploadedAt, uploadId, source.sha256]);
  const hex = createHash('sha256').update(identity).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
