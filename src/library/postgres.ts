/** A library in PostgreSQL, shared by all nodes. `src/database/migrations` has its tables. */
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import { sleep } from '../concurrency/sleep.ts';
import type { Database, Query } from '../database/database.ts';
import type { Listening } from '../database/listening.ts';
import { notice, parseNotice, type TrackNotice } from '../database/notices.ts';
import { errors } from '../errors.ts';
import type { Track } from '../tracks/track.ts';
import { freeName, nextTime } from './adding.ts';
import { createKnownTracks, type Versioned } from './known-tracks.ts';
import type { Library, TrackDraft } from './library.ts';
import { createListing } from './listing.ts';
import { createRemovals, type Removals } from './removals.ts';
import { columnsOf, type Row, SELECT_ROW, trackOfRow } from './rows.ts';

/** The lease of a node on a track. */
export interface Fence {
  node: string;
  epoch: string;
}

export interface PostgresLibrary extends Library, Pick<Removals, 'trash' | 'emptyTrash' | 'finishRemovals'> {
  /** Resolves with the names of the tracks that have changed in the last milliseconds, or a little before. */
  changedWithin(ms: number): Promise<string[]>;
  /** Reads a record anew, whatever is known of it. */
  refresh(filename: string): Promise<Track | undefined>;
  /**
   * Returns the same library for the owner of tracks: a change needs the lease of its track, checked in the same transaction.
   * A change without one is refused as `storage_unavailable`.
   */
  fencedBy(fenceOf: (filename: string) => Fence | undefined): Library;
}

export interface PostgresLibraryOptions {
  database: Database;
  listening: Listening;
  /** Id of this process. */
  node: string;
  /** True if this node encodes: the transaction that adds a track then gives this node the lease of the track. */
  encodes: boolean;
}

/** Additions come one after the other in the whole cluster: each sees the names, contents and times before it. */
const ADDITIONS = 0x61646473;
const SILENT_MS = 1000;
/** A connection that is broken may be taken for a good one for so long. */
const UNHEARD_SECONDS = 10;
const MOST_CHANGES = 10_000;

export function openPostgresLibrary(options: PostgresLibraryOptions): PostgresLibrary {
  const { database, listening, node, encodes } = options;
  const { query } = database;
  const known = createKnownTracks(() => listening.state);
  /** Changes of one track wait here, and not each on a connection of its own. */
  const turns = createKeyedMutex();
  /** Names of the records that were read and could not be understood. */
  const damaged = new Set<string>();

  listening.onBegin(() => known.missed());
  listening.on('track', (payload) => {
    const { filename, version } = parseNotice<TrackNotice>(payload);
    known.heard(filename, version);
  });

  const versioned = (row: Row | undefined): Versioned | undefined => {
    const track = row && trackOfRow(row);
    if (row && !track) damaged.add(row.filename);
    return track && { track, version: Number(row.version) };
  };
  const readable = (rows: Row[]) => rows.map(versioned).flatMap((found) => (found ? [found.track] : []));

  /** Reads a track, or changes it, and keeps what is known of it from then on. */
  const keeping = async (filename: string, find: () => Promise<Versioned | undefined>) => {
    const reading = known.begin(filename);
    try {
      return reading.keep(await find());
    } finally {
      reading.end();
    }
  };

  const refresh = (filename: string) =>
    keeping(filename, async () => {
      const [row] = await query<Row>(`${SELECT_ROW} where filename = $1 and removed_at is null`, [filename]);
      return versioned(row);
    });

  const get = async (filename: string): Promise<Track | undefined> => {
    const track = known.peek(filename);
    if (track) return track;
    const last = known.last(filename);
    if (!last) return refresh(filename);
    const fresh = refresh(filename).catch(() => last);
    // A connection that went silent is noticed only after seconds, and a player does not wait so long.
    return listening.state === 'listening' ? fresh : Promise.race([fresh, after(SILENT_MS, last)]);
  };

  const tell = async (on: Query, filename: string, version: string) => {
    const changed: TrackNotice = { filename, version: Number(version), node };
    await on(`select pg_notify('track', $1)`, [notice(changed)]);
  };

  const write = async (on: Query, track: Track): Promise<Versioned> => {
    const { filename, status, sha256, upload, search, record } = columnsOf(track);
    const [row] = await on<{ version: string }>(
      `update tracks set status = $2, sha256 = $3, upload = $4, search = $5, record = $6,
         version = nextval('track_versions'), changed_at = clock_timestamp()
       where filename = $1 returning version`,
      [filename, status, sha256, upload, search, record],
    );
    const version = row?.version ?? '0';
    await tell(on, filename, version);
    return { track, version: Number(version) };
  };

  const update = (filename: string, change: (track: Track) => Track, fence?: () => Fence | undefined) =>
    turns.run(filename, () =>
      keeping(filename, () =>
        database.transaction(async (on) => {
          const [row] = await on<Row>(`${SELECT_ROW} where filename = $1 and removed_at is null for update`, [
            filename,
          ]);
          const before = versioned(row);
          if (!before) return undefined;
          if (fence) await assertHeld(on, filename, fence());
          const after = change(before.track);
          return after === before.track ? before : write(on, after);
        }),
      ),
    );

  const findBySha256 = async (sha256: string, on: Query = query): Promise<Track | undefined> => {
    const rows = await on<Row>(`${SELECT_ROW} where sha256 = $1 and removed_at is null`, [sha256]);
    return readable(rows)[0];
  };

  const insert = async (on: Query, track: Omit<Track, 'home'>): Promise<Versioned> => {
    const columns = Object.entries(columnsOf({ ...track, home: '' }));
    const places = columns.map((_, index) => `$${index + 1}`);
    const [row] = await on<{ home: string; version: string }>(
      `insert into tracks (${columns.map(([name]) => name)}) values (${places}) returning home, version`,
      columns.map(([, value]) => value),
    );
    const { home, version } = row as { home: string; version: string };
    await on(
      `insert into work (filename, node, epoch, until) values ($1, $2, $3, ${encodes ? LEASED : FREE})`,
      [track.filename, encodes ? node : null, encodes ? 1 : 0],
    );
    if (!encodes) await on(`select pg_notify('work', '')`);
    await tell(on, track.filename, version);
    return { track: { ...track, home }, version: Number(version) };
  };

  const add = (wantedName: string, draft: TrackDraft) =>
    database.transaction(async (on) => {
      await on('select pg_advisory_xact_lock($1)', [ADDITIONS]);
      const { sha256 } = draft.source;
      const existing = await findBySha256(sha256, on);
      if (existing) return { track: existing, created: false };
      // A record that cannot be read is no track of these bytes.
      await on('update tracks set sha256 = null where sha256 = $1 and removed_at is null', [sha256]);
      const filename = await freeName(on, wantedName);
      const uploadedAt = await nextTime(on);
      const { track } = await insert(on, { ...draft, filename, uploadedAt });
      return { track, created: true };
    });

  const listing = createListing(query, readable);
  const removals = createRemovals({ database, tell, forget: known.forget });
  const library: Library = {
    opened: Promise.resolve(),
    peek: known.peek,
    get,
    findBySha256: (sha256) => findBySha256(sha256),
    unfinished: () => listing.those('processing'),
    unmeasured: () => listing.those('ready', ({ renditions }) => renditions.some(isUnmeasured)),
    page: listing.page,
    add,
    update: (filename, change) => update(filename, change),
    remove: removals.remove,
    unownedUploads: removals.unownedUploads,
    unusedCopies: removals.unusedCopies,
    unownedHomes: removals.unownedHomes,
    damaged: async () => [...damaged],
    async assertWritable() {
      const [state] = await query<{ reads: boolean }>('select pg_is_in_recovery() as reads');
      if (state?.reads)
        throw errors.storageUnavailable(new Error('the database is a standby: it takes no changes'));
    },
  };
  return {
    ...library,
    refresh,
    async changedWithin(ms) {
      if (ms === 0) return [];
      const rows = await query<{ filename: string }>(
        `select filename from tracks where changed_at > now() - make_interval(secs => $1) limit ${MOST_CHANGES}`,
        [ms / 1000 + UNHEARD_SECONDS],
      );
      return rows.map(({ filename }) => filename);
    },
    fencedBy: (fenceOf) => ({
      ...library,
      update: (filename, change) => update(filename, change, () => fenceOf(filename)),
    }),
    trash: removals.trash,
    emptyTrash: removals.emptyTrash,
    finishRemovals: removals.finishRemovals,
  };
}

async function after<T>(ms: number, value: T): Promise<T> {
  await sleep(ms, { signal: NEVER });
  return value;
}
const NEVER = new AbortController().signal;

/** Time until which a lease of a new track lasts. */
const LEASED = `now() + interval '6 s'`;
const FREE = `'-infinity'`;

/** @throws {AppError} 503 when the track has another owner by now, or the lease has run out. */
async function assertHeld(on: Query, filename: string, fence: Fence | undefined): Promise<void> {
  const held = await on(
    'select from work where filename = $1 and node = $2 and epoch = $3 and until > now() for share',
    [filename, fence?.node ?? null, fence?.epoch ?? null],
  );
  if (held.length === 0) throw errors.storageUnavailable(new Error(`no valid lease on ${filename}`));
}

function isUnmeasured({ averageBandwidth }: Track['renditions'][number]): boolean {
  return averageBandwidth === null;
}
