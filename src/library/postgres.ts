/** A library in PostgreSQL, shared by all nodes. `src/database/migrations` has its tables. */
import { LRUCache } from 'lru-cache';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import { sleep } from '../concurrency/sleep.ts';
import type { Listening } from '../database/listening.ts';
import { parseNotice, type TrackNotice } from '../database/notices.ts';
import { errors } from '../errors.ts';
import { TRACK_VERSION, type Track } from '../tracks/track.ts';
import { type AddingOptions, addRow } from './adding.ts';
import { changeRow, type Fence } from './changing.ts';
import { createFilling } from './filling.ts';
import { createKnownTracks, type Versioned } from './known-tracks.ts';
import type { Library } from './library.ts';
import { createListing, isSearch } from './listing.ts';
import { createPostgresAlbums } from './postgres-albums.ts';
import { createRemovals, type Removals } from './removals.ts';
import { type Row, SELECT_ROW, trackOfRow } from './rows.ts';

export interface GivenLease {
  epoch: string;
  /** When it was asked for, by `performance.now()`. */
  askedAt: number;
}

export interface PostgresLibrary extends Library, Pick<Removals, 'trash' | 'emptyTrash' | 'finishRemovals'> {
  /** Returns the lease that this node was given when it added a track, or `offered` where any node gets it; once. */
  takeGiven(filename: string): GivenLease | 'offered' | undefined;
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

export interface PostgresLibraryOptions extends AddingOptions {
  listening: Listening;
}

const SILENT_MS = 1000;
/** A connection that is broken may be taken for a good one for so long. */
const UNHEARD_SECONDS = 10;
const MOST_CHANGES = 10_000;
/** More than become ready in the moment between the two steps of one. */
const MOST_TRASHED = 1000;

export function openPostgresLibrary(options: PostgresLibraryOptions): PostgresLibrary {
  const { database, listening, node, encodes } = options;
  const { query } = database;
  const known = createKnownTracks(() => listening.state);
  /** Changes of one track wait here, and not each on a connection of its own. */
  const turns = createKeyedMutex();
  const given = new Map<string, GivenLease | 'offered'>();
  /** Originals in the trash that the owner of their track still has to be told of. */
  const trashed = new LRUCache<string, true>({ max: MOST_TRASHED });
  const onTrashed = (upload: string) => void trashed.set(upload, true);
  /** Names of the records that were read and could not be understood. */
  const damaged = new Set<string>();

  listening.onBegin(() => known.missed());
  listening.on('track', (payload) => {
    const { filename, version, home, record } = parseNotice<TrackNotice>(payload);
    const changed = () =>
      record && home ? trackOfRow({ filename, home, record, version: String(version) }) : undefined;
    known.heard(filename, version, changed);
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

  const read = async (filename: string) => {
    const [row] = await query<Row>(`${SELECT_ROW} where filename = $1 and removed_at is null`, [filename]);
    return versioned(row);
  };
  const refresh = (filename: string) => keeping(filename, () => read(filename));

  const get = async (filename: string): Promise<Track | undefined> => {
    const track = known.peek(filename);
    if (track) return track;
    const last = known.last(filename);
    if (!last) return refresh(filename);
    const fresh = refresh(filename).catch(() => last);
    // A connection that went silent is noticed only after seconds, and a player does not wait so long.
    return listening.state === 'listening' ? fresh : Promise.race([fresh, after(SILENT_MS, last)]);
  };

  const update = (filename: string, change: (track: Track) => Track, fence?: () => Fence | undefined) =>
    turns.run(filename, () =>
      keeping(filename, () =>
        changeRow({ database, node, current: known.current, read, onTrashed }, { filename, change, fence }),
      ),
    );

  const findBySha256 = async (sha256: string): Promise<Track | undefined> => {
    const rows = await query<Row>(`${SELECT_ROW} where sha256 = $1 and removed_at is null`, [sha256]);
    return readable(rows)[0];
  };

  const add: Library['add'] = async (wantedName, draft, { holder } = { holder: '' }) => {
    const askedAt = performance.now();
    const row = await addRow(options, { wantedName, draft, holder });
    const track = await keeping(row.filename, async () => versioned(row));
    if (row.created) given.set(row.filename, encodes ? { epoch: row.epoch as string, askedAt } : 'offered');
    if (track) return { track, created: row.created };
    // That of a newer version is one, and its node must find it.
    if (Number((row.record as { version?: number }).version) > TRACK_VERSION)
      throw errors.storageUnavailable(new Error(`the record of ${row.filename} is of a newer version`));
    // A record that cannot be read is no track of these bytes.
    await query('update tracks set sha256 = null where filename = $1', [row.filename]);
    return add(wantedName, draft, { holder });
  };

  const listing = createListing(query, readable);
  const filled = createFilling(database);
  // Lists that need it wait for it, and get its error.
  void filled().catch(() => {});
  const page: Library['page'] = async (request) => {
    if (isSearch(request)) await filled();
    return listing.page(request);
  };
  const removals = createRemovals({
    ...{ database, node, trashed },
    forget: known.forget,
    inTurn: turns.run,
  });
  const library: Library = {
    opened: Promise.resolve(),
    peek: known.peek,
    get,
    findBySha256: (sha256) => findBySha256(sha256),
    unfinished: () => listing.those('processing'),
    unmeasured: () => listing.those('ready', ({ renditions }) => renditions.some(isUnmeasured)),
    unanalysed: () =>
      listing.those('ready', ({ analysis }) => analysis?.status === 'pending', `analysis = 'pending'`),
    ...createPostgresAlbums(query),
    page,
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
    takeGiven(filename) {
      const lease = given.get(filename);
      given.delete(filename);
      return lease;
    },
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

function isUnmeasured({ averageBandwidth }: Track['renditions'][number]): boolean {
  return averageBandwidth === null;
}
