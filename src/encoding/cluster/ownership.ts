/**
 * The tracks that this node encodes: takes leases, encodes under them by the encoder of a single machine, and ends them.
 *
 * An owner that cannot renew goes on encoding and storing segments, but writes no record and removes nothing until it holds a
 * lease again: a database that is away and a node that is cut off look the same from inside.
 */
import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { sleep } from '../../concurrency/sleep.ts';
import type { Library } from '../../library/library.ts';
import type { PostgresLibrary } from '../../library/postgres.ts';
import type { Track } from '../../tracks/track.ts';
import type { Encoder, StartOptions } from '../encoder.ts';
import type { Lease, Leases } from './leases.ts';
import type { ProgressNews } from './progress-news.ts';

export interface Ownership {
  /** Returns whether this node encodes a track just now. */
  isOwner(filename: string): boolean;
  /** Returns whether this node has a valid lease on the track of a home. */
  isOwned(home: string): boolean;
  /** Encodes a track whose lease this node has. Resolves when the track is settled, or its lease gone. Never rejects. */
  takeUp(lease: Lease, before?: StartOptions['before']): Promise<void>;
  /** Takes free tracks; a node that has much to do lets others come first. */
  claim(): Promise<void>;
  /** Prolongs the leases and tells their news, and gives up the tracks of those that are lost or cancelled. */
  renew(news: readonly ProgressNews[]): Promise<void>;
  /** Notes that something of a track was stored. */
  progressed(filename: string): void;
  /** Ends the encode of a track that is deleted. */
  cancel(lease: Lease): Promise<void>;
  /** Sets tracks aside of which this node has too many and for which nobody waits here. */
  setAside(isAwaited: (filename: string) => boolean): Promise<void>;
  /** Hands all tracks over to other nodes. */
  close(): Promise<void>;
}

export interface OwnershipOptions {
  leases: Leases;
  /** The encoder of this machine. */
  encoder: Encoder;
  library: PostgresLibrary;
  /** Writes records under the lease. */
  fenced: Library;
  log: Logger;
  concurrency: number;
  /** Called when a track has begun or ceased to be encoded here. */
  onChange(filename: string): void;
}

/** A track that has taken so many servers with it is at fault itself. */
const MOST_ATTEMPTS = 3;
const AGAIN_MS = 500;
/** A removal that is on its way to the bucket must be over before another node has the track. */
const REMOVAL_MS = 2500;
const CLAIMS_AT_ONCE = 4;
const CLAIM_DELAY_MS = 50;
/** A node with hundreds of new tracks must replace a lost owner in time all the same. */
const LONGEST_CLAIM_DELAY_MS = 500;
/** Tracks that a node encodes beside each other, for each run at the same time. It sets the others aside. */
const TRACKS_PER_RUN = 2;
const FEWEST_TRACKS = 4;
const SET_ASIDE_AT_ONCE = 8;
/** Longer than a restart of an engine: the machine itself is at fault then, and another node may do better. */
const TROUBLE_MS = 30_000;
/** A node that got nowhere takes no tracks for so long. */
const REST_MS = 30_000;

export function createOwnership(options: OwnershipOptions): Ownership {
  const { leases, encoder, library, fenced, log, concurrency, onChange } = options;
  const closing = new AbortController();
  const { signal } = closing;
  // Each lease that waits listens to it.
  setMaxListeners(0, signal);
  const takenUp = new WeakSet<Lease>();
  /** Leases whose track the encoder has. */
  const started = new WeakSet<Lease>();
  const filenames = new Map<string, string>();
  /** Tracks of which something was stored since the leases were renewed. */
  const progressed = new Set<string>();
  const mostTracks = Math.max(FEWEST_TRACKS, TRACKS_PER_RUN * concurrency);
  /** When something of a track was stored last, by `performance.now()`. */
  const progressedAt = new Map<string, number>();
  let restsUntil = 0;
  const isHeld = (lease: Lease) => leases.of(lease.filename) === lease;

  /** Tries a step on the database until it succeeds, or this node has the lease no more. */
  const whileHeld = async (lease: Lease, step: () => Promise<void>): Promise<void> => {
    while (isHeld(lease) && !signal.aborted) {
      try {
        return await step();
      } catch (error) {
        log.debug({ filename: lease.filename, err: error }, 'waiting for the database');
        await sleep(AGAIN_MS, { signal }).catch(() => {});
      }
    }
  };

  const settle = (lease: Lease) => whileHeld(lease, () => leases.settle(lease));

  const giveUp = (lease: Lease) =>
    whileHeld(lease, async () => {
      const { filename, attempts } = lease;
      log.error({ filename, attempts }, 'giving up a track that has ended several servers');
      await fenced.update(filename, (track) => ({ ...track, status: 'failed', error: ENDS_SERVERS }));
      await leases.settle(lease);
    });

  /** Hands over a track that gets nowhere on this machine. While the database is away nobody could take it. */
  const leave = async (lease: Lease): Promise<void> => {
    log.error({ filename: lease.filename }, 'handing over a track that this machine cannot encode');
    restsUntil = performance.now() + REST_MS;
    await Promise.all([leases.handOver([lease], { aside: false }), encoder.release(lease.filename)]);
  };

  /** Follows an encode to its outcome. */
  const follow = async (lease: Lease, track: Track): Promise<void> => {
    const { filename } = lease;
    let now = track;
    let goodAt = performance.now();
    while (isHeld(lease) && !signal.aborted) {
      encoder.start(now, { holder: lease.holder });
      const outcome = await encoder.whenSettled(filename);
      if (outcome === 'deleted') return whileHeld(lease, () => leases.end(lease));
      if (outcome !== 'stopped' && outcome.status !== 'processing') return settle(lease);
      // It waits for the machine to recover, or its job has ended for a lease that was lost and won again.
      await sleep(AGAIN_MS, { signal }).catch(() => {});
      if (outcome !== 'stopped') now = outcome;
      goodAt = Math.max(goodAt, progressedAt.get(filename) ?? 0);
      if (performance.now() - goodAt > TROUBLE_MS && leases.isValid(filename)) return leave(lease);
    }
  };

  const begin = async (lease: Lease, before: StartOptions['before']): Promise<void> => {
    const { filename, epoch, attempts, holder } = lease;
    let track: Track | undefined;
    await whileHeld(lease, async () => {
      track = await library.refresh(filename);
    });
    if (track?.status !== 'processing') return settle(lease);
    if (attempts > MOST_ATTEMPTS) return giveUp(lease);
    if (!isHeld(lease) || signal.aborted) return;
    log.info({ filename, epoch, attempts }, 'lease taken');
    filenames.set(track.home, filename);
    encoder.start(track, { holder, ...(before && { before }) });
    started.add(lease);
    onChange(filename);
    await follow(lease, track);
    filenames.delete(track.home);
    progressedAt.delete(filename);
    // A repair may have begun it again while its lease ended.
    if (leases.of(filename) === undefined) await encoder.release(filename);
    onChange(filename);
  };

  const takeUp: Ownership['takeUp'] = async (lease, before) => {
    if (takenUp.has(lease)) return before?.();
    takenUp.add(lease);
    let isDue = before !== undefined;
    const once = async () => {
      if (!isDue) return;
      isDue = false;
      await before?.();
    };
    await begin(lease, before && once).catch((error: unknown) =>
      log.error({ filename: lease.filename, err: error }, 'encoding under a lease failed'),
    );
    // Its staged segments would take scratch space for ever.
    await once();
  };

  const cancel = async (lease: Lease): Promise<void> => {
    await encoder.cancel(lease.filename);
    await leases.end(lease);
    onChange(lease.filename);
  };

  const onFailure = ({ filename }: Lease, err: unknown) =>
    log.debug({ filename, err }, 'ending a lease failed: tried again with the next renewal');

  const lose = async (lease: Lease): Promise<void> => {
    log.warn({ filename: lease.filename, epoch: lease.epoch }, 'lease lost');
    leases.forget(lease);
    await encoder.release(lease.filename);
    onChange(lease.filename);
  };

  return {
    isOwner(filename) {
      const lease = leases.of(filename);
      return lease !== undefined && started.has(lease);
    },
    isOwned: (home) => leases.isValid(filenames.get(home) ?? '', REMOVAL_MS),
    takeUp,
    async claim() {
      if (performance.now() < restsUntil) return;
      // The node that has the least to do is first.
      await sleep(Math.min(LONGEST_CLAIM_DELAY_MS, (CLAIM_DELAY_MS * leases.size) / concurrency), { signal });
      for (;;) {
        const room = mostTracks - leases.size;
        // More of those that were set aside would be set aside again at once.
        const most = room > 0 ? Math.min(room, CLAIMS_AT_ONCE) : CLAIMS_AT_ONCE;
        const taken = await leases.claimFree({ aside: room > 0, most });
        // The database gave them after this node had handed over all that it had.
        if (signal.aborted) return leases.handOverAll();
        for (const lease of taken) void takeUp(lease);
        if (taken.length < most) return;
      }
    },
    async renew(news) {
      const fresh = [...progressed];
      progressed.clear();
      const { found, lost, cancelled } = await leases.renew(fresh, news);
      for (const lease of found) void takeUp(lease);
      // Beside the next renewals: an encode ends only when S3 has answered, and the other leases would run out meanwhile.
      for (const lease of lost) void lose(lease);
      for (const lease of cancelled) void cancel(lease).catch((error: unknown) => onFailure(lease, error));
    },
    progressed(filename) {
      progressed.add(filename);
      progressedAt.set(filename, performance.now());
    },
    cancel,
    async setAside(isAwaited) {
      const surplus = Math.min(SET_ASIDE_AT_ONCE, leases.size - mostTracks);
      if (surplus <= 0) return;
      const progressOf = ({ filename }: Lease) => encoder.progressOf(filename);
      const aside = [...leases.all()]
        .filter((lease) => progressOf(lease)?.isPlayable && !isAwaited(lease.filename))
        .sort((one, other) => (progressOf(one)?.progress ?? 0) - (progressOf(other)?.progress ?? 0))
        .slice(0, surplus);
      if (aside.length === 0) return;
      const handedOver = leases.handOver(aside, { aside: true });
      await Promise.all([handedOver, ...aside.map(({ filename }) => encoder.release(filename))]);
      for (const { filename } of aside) onChange(filename);
    },
    async close() {
      closing.abort(new Error('the server stops'));
      // What still runs puts segments at most, which needs no lease.
      await Promise.all([leases.handOverAll(), encoder.close()]);
    },
  };
}

const ENDS_SERVERS = {
  code: 'encoder_failed',
  message:
    'Several servers ended one after the other while they encoded this file. The logs of the servers say why. Convert the file to FLAC or WAV and upload it again.',
};
