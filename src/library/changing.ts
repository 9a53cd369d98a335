/** Changes records in the database: one statement each, where the record is known in its present version. */
import type { Database } from '../database/database.ts';
import { errors } from '../errors.ts';
import type { Track } from '../tracks/track.ts';
import type { Versioned } from './known-tracks.ts';
import { TRASHED } from './removals.ts';
import { analysisAssignments, analysisColumnsOf, columnsOf } from './rows.ts';

/** The lease of a node on a track. */
export interface Fence {
  node: string;
  epoch: string;
}

export interface ChangingOptions {
  database: Database;
  /** Id of this process. */
  node: string;
  /** Returns the record as far as it is known to be the present one. */
  current(filename: string): Versioned | undefined;
  read(filename: string): Promise<Versioned | undefined>;
  /** Called with an original that is in the trash now. */
  onTrashed(upload: string): void;
}

/** A notification takes at most 8,000 bytes; the rest is for names. */
const MOST_NOTIFIED_BYTES = 6000;

/** More in a row than other nodes change one track. */
const MOST_TRIES = 20;

/**
 * Changes a record. Another change that comes in between is not lost: `change` is then called again. An original that the
 * record no longer names goes into the trash.
 *
 * @param fence returns the lease without which nothing is changed; by default none is needed.
 * @throws {AppError} 503 when the lease is another's, or has run out.
 */
export async function changeRow(
  options: ChangingOptions,
  {
    filename,
    change,
    fence,
  }: { filename: string; change(track: Track): Track; fence?: (() => Fence | undefined) | undefined },
): Promise<Versioned | undefined> {
  const { database, node, current, read } = options;
  const known = current(filename);
  let before = known ?? (await read(filename));
  for (let tries = 0; before && tries < MOST_TRIES; tries++) {
    let after: Track;
    try {
      after = change(before.track);
    } catch (error) {
      // Another node may have changed the record, and the notice of it may be under way: the refusal must be of what is stored.
      if (before !== known) throw error;
      before = await read(filename);
      if (before?.version === known.version) throw error;
      continue;
    }
    if (after === before.track) return before;
    const lease = fence?.();
    const { status, sha256, upload, search, title_key, artist_key, album_key, seconds, record } =
      columnsOf(after);
    const dropped = upload === null ? before.track.upload : null;
    const fits = Buffer.byteLength(record) <= MOST_NOTIFIED_BYTES;
    const [written] = await database.change<{ version: string }>(
      `with held as (
         select from work where filename = $1 and node = $8 and epoch = $9 and until > now() for share),
       changed as (
         update tracks set status = $2, sha256 = $3, upload = $4, search = $5, record = $6,
             title_key = $12, artist_key = $13, album_key = $14, seconds = $15, ${analysisAssignments(18)},
             version = nextval('track_versions'), changed_at = clock_timestamp()
           where filename = $1 and version = $7 and removed_at is null and ($10 or exists (select from held))
           returning version, home),
       trashed as (
         insert into trash (upload, not_before) select $16::text, now() + ${TRASHED} from changed where $16 is not null
         on conflict do nothing)
       select version,
         pg_notify('track', json_build_object('filename', $1::text, 'version', version, 'node', $11::text,
           'home', home, 'record', case when $17 then $6::json end)::text)
       from changed`,
      [
        ...[filename, status, sha256, upload, search, record, before.version],
        ...[lease?.node ?? null, lease?.epoch ?? null, fence === undefined, node],
        ...[title_key, artist_key, album_key, seconds, dropped, fits],
        ...analysisColumnsOf(after),
      ],
    );
    if (written) {
      if (dropped !== null) options.onTrashed(dropped);
      return { track: after, version: Number(written.version) };
    }
    if (fence) await assertHeld(database, filename, lease);
    before = await read(filename);
  }
  if (before) throw errors.storageUnavailable(new Error(`${filename} changes all the time`));
  return undefined;
}

async function assertHeld({ query }: Database, filename: string, lease: Fence | undefined): Promise<void> {
  const held = await query(
    'select from work where filename = $1 and node = $2 and epoch = $3 and until > now()',
    [filename, lease?.node ?? null, lease?.epoch ?? null],
  );
  if (held.length === 0) throw errors.storageUnavailable(new Error(`no valid lease on ${filename}`));
}
