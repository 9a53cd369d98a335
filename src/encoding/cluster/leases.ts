/**
 * The leases of this node: which tracks it encodes. A lease is a row of the table `work`, and only PostgreSQL's clock counts.
 *
 *     free ──> held (node, epoch, until) ──> deleted, when the track is settled or cancelled
 *      ^            │
 *      └── handed over, or set aside          a lease that runs out goes to another node, with a later epoch
 */
import type { Database } from '../../database/database.ts';
import type { Listening } from '../../database/listening.ts';
import { notice } from '../../database/notices.ts';
import type { Have } from './messages.ts';
import { newsFrom, newsValues, type ProgressNews, TELL_NEWS, WRITE_NEWS } from './progress-news.ts';

export interface Lease {
  readonly filename: string;
  /** Of its own for each lease; a later one is greater. */
  readonly epoch: string;
  /** Owners that were lost one after the other without a new segment. */
  readonly attempts: number;
  /** Client that has uploaded the track. */
  readonly holder: string;
}

export interface Renewal {
  /** Leases that the database has of this node, and whose reply was lost. */
  found: Lease[];
  /** Leases that another node has by now, or whose track is gone. */
  lost: Lease[];
  /** Leases on tracks that are being deleted. */
  cancelled: Lease[];
}

export interface Leases {
  /** Returns the lease on a track. It may have run out unnoticed: see `isValid`. */
  of(filename: string): Lease | undefined;
  all(): Iterable<Lease>;
  readonly size: number;
  /** Returns whether a lease will surely not run out within `ms` milliseconds: no other node encodes the track till then. */
  isValid(filename: string, ms?: number): boolean;
  /**
   * Takes free tracks, and those whose owner was lost: at most so many, the oldest first.
   *
   * @param options.aside takes tracks that were set aside as well, after the others.
   */
  claimFree(options: { aside: boolean; most: number }): Promise<Lease[]>;
  /** Takes one track where no other node has it, and adds it to the work where it is not. */
  claim(filename: string, holder: string): Promise<Lease | undefined>;
  /** Notes a lease that this node was given with a track that it has added. @param askedAt by `performance.now()`. */
  given(lease: Omit<Lease, 'attempts'>, askedAt: number): Lease;
  /**
   * Prolongs all leases, and tells all nodes the news of those that this node still has.
   *
   * @param progressed tracks of which something was stored since the last call.
   */
  renew(progressed: readonly string[], news?: readonly ProgressNews[]): Promise<Renewal>;
  /** Ends a lease whose track is settled. A track that is processed again by now is free for any node. */
  settle(lease: Lease): Promise<void>;
  /** Ends a lease whose track is being deleted. */
  end(lease: Lease): Promise<void>;
  /** Forgets a lease that is lost. */
  forget(lease: Lease): void;
  /** Forgets leases and gives them to whichever node takes them. @param options.aside for a node that has little to do. */
  handOver(leases: readonly Lease[], options: { aside: boolean }): Promise<void>;
  /** Gives up all leases, also those whose reply is still under way. */
  handOverAll(): Promise<void>;
}

export interface LeasesOptions {
  database: Database;
  listening: Listening;
  /** Id of this process. */
  node: string;
  /** Resolves with the version of its ffmpeg; with null on a node that does not encode. */
  ffmpegVersion(): Promise<string | null>;
}

/** A player waits 9 s for a segment: an owner that is lost must be replaced before. */
const LASTS = `interval '6 s'`;
const LASTS_MS = 6000;
/** The clocks of two machines differ in speed by far less. */
const SAFETY_MS = 500;
/** No restart of the database moves a lease: its owner has so long to renew it. */
const GRACE = `interval '8 s'`;
const GRACE_MS = 8000;
/** A track that another version of ffmpeg has begun waits so long for a node of that version: any other begins anew. */
const SAME_FFMPEG = `interval '15 s'`;
/** A lease that lasts for longer is from before the database's clock jumped back. */
const JUMP = `interval '1 minute'`;
/** A track that was added just now is about to be started by its upload. */
const NEW = `interval '3 s'`;

type Row = { filename: string; epoch: string; attempts: number; holder: string };
const COLUMNS = 'filename, epoch, attempts, holder';

export function createLeases({ database, listening, node, ffmpegVersion }: LeasesOptions): Leases {
  const { query } = database;
  const held = new Map<string, { lease: Lease; validUntil: number }>();
  /** Tracks whose lease is being handed over: the database may still call them ours. */
  const leaving = new Set<string>();

  const take = ({ filename, epoch, attempts, holder }: Row, askedAt: number): Lease => {
    const before = held.get(filename)?.lease;
    const lease = before?.epoch === epoch ? before : { filename, epoch, attempts, holder };
    held.set(filename, { lease, validUntil: askedAt + LASTS_MS - SAFETY_MS });
    return lease;
  };
  const isHeld = (lease: Lease) => held.get(lease.filename)?.lease === lease;
  const forget = (lease: Lease) => {
    if (isHeld(lease)) held.delete(lease.filename);
  };
  const ofLease = ({ filename, epoch }: Lease) => [filename, node, epoch];
  const overNotice = (filename: string) => notice<Have>({ tell: 'over', filename });
  const end = async (lease: Lease) => {
    // The lease is locked before the progress, as by a renewal: else the two could wait for each other.
    await query(
      `with ended as (delete from work where filename = $1 and node = $2 and epoch = $3 returning 1),
         untold as (delete from live where filename = $1 and epoch <= $3 and (select count(*) >= 0 from ended))
       select pg_notify('have', $4)`,
      [...ofLease(lease), overNotice(lease.filename)],
    );
    forget(lease);
  };

  return {
    of: (filename) => held.get(filename)?.lease,
    all: () => [...held.values()].map(({ lease }) => lease),
    get size() {
      return held.size;
    },
    isValid(filename, ms = 0) {
      const found = held.get(filename);
      return found !== undefined && performance.now() + ms < found.validUntil;
    },
    async claimFree({ aside, most }) {
      const askedAt = performance.now();
      // After a gap of our own the owners may have had the same one, and need their time too.
      const takesOthers = listening.forMs > GRACE_MS;
      const rows = await query<Row>(
        `update work set node = $1, epoch = nextval('work_epochs'), until = now() + ${LASTS}, aside = false, ffmpeg = $2,
           attempts = attempts + (node is not null)::int
         where filename in (
           select filename from work
           where (until <= now() or until > now() + ${JUMP}) and not cancel and (not aside or $3)
             and (node is null or ($4 and pg_postmaster_start_time() not between now() - ${GRACE} and now()))
             and (ffmpeg is null or ffmpeg = $2 or until < now() - ${SAME_FFMPEG})
           order by aside, added_at limit $5 for update skip locked)
         returning ${COLUMNS}`,
        [node, await ffmpegVersion(), aside, takesOthers, most],
      );
      return rows.map((row) => take(row, askedAt));
    },
    async claim(filename, holder) {
      const askedAt = performance.now();
      const [row] = await query<Row>(
        `insert into work as mine (filename, node, epoch, until, ffmpeg, holder)
           values ($1, $2, nextval('work_epochs'), now() + ${LASTS}, $3, $4)
         on conflict (filename) do update
           set until = excluded.until, ffmpeg = excluded.ffmpeg, holder = excluded.holder, aside = false, node = excluded.node,
             epoch = case when mine.node = excluded.node then mine.epoch else excluded.epoch end
           where not mine.cancel and (mine.node is null or mine.node = excluded.node)
         returning ${COLUMNS}`,
        [filename, node, await ffmpegVersion(), holder],
      );
      return row && take(row, askedAt);
    },
    given: (lease, askedAt) => take({ ...lease, attempts: 0 }, askedAt),
    async renew(progressed, news = []) {
      const before = [...held.values()].map(({ lease }) => lease);
      const askedAt = performance.now();
      const rows = await query<Row & { cancel: boolean; is_new: boolean }>(
        `with renewed as (
           update work set until = now() + ${LASTS}, attempts = case when filename = any($2) then 0 else attempts end
             where node = $1 returning ${COLUMNS}, cancel, added_at > now() - ${NEW} as is_new),
         news as (${newsFrom(3)} join renewed using (filename, epoch)),
         told as (${WRITE_NEWS})
         select *, (${TELL_NEWS}) from renewed`,
        [node, progressed, ...newsValues(news)],
      );
      const renewed = new Map(rows.map((row) => [row.filename, row]));
      const lost: Lease[] = [];
      const cancelled: Lease[] = [];
      // A lease that was taken meanwhile is in neither list.
      for (const lease of before) {
        if (!isHeld(lease)) continue;
        const row = renewed.get(lease.filename);
        if (row?.epoch !== lease.epoch) lost.push(lease);
        else {
          take(row, askedAt);
          if (row.cancel) cancelled.push(lease);
        }
      }
      const found = rows
        .filter(({ filename, is_new }) => !is_new && !held.has(filename) && !leaving.has(filename))
        .map((row) => take(row, askedAt));
      return { found, lost, cancelled };
    },
    async settle(lease) {
      const { filename } = lease;
      await query(
        `with again as (
           update work set node = null, until = now() from tracks
             where work.filename = $1 and node = $2 and epoch = $3 and tracks.filename = $1
               and status = 'processing' and removed_at is null
             returning 1),
         ended as (
           delete from work using tracks
             where work.filename = $1 and node = $2 and epoch = $3 and tracks.filename = $1
               and (status <> 'processing' or removed_at is not null)
             returning 1),
         untold as (delete from live where filename = $1 and exists (select from ended))
         select pg_notify('work', '') from again union all select pg_notify('have', $4) from ended`,
        [...ofLease(lease), overNotice(filename)],
      );
      forget(lease);
    },
    end,
    forget,
    async handOver(leases, { aside }) {
      for (const lease of leases) {
        forget(lease);
        leaving.add(lease.filename);
      }
      try {
        await free(
          'filename = any($2) and node = $1',
          aside,
          leases.map(({ filename }) => filename),
        );
      } finally {
        for (const { filename } of leases) leaving.delete(filename);
      }
    },
    async handOverAll() {
      held.clear();
      await free('node = $1 and $2::text[] is null', false, null);
    },
  };

  async function free(condition: string, aside: boolean, filenames: string[] | null): Promise<void> {
    await query(
      `with freed as (update work set node = null, until = now(), aside = $3 where ${condition} returning 1)
       select pg_notify('work', '') from freed limit 1`,
      [node, filenames, aside],
    );
  }
}
