/**
 * The encoder of a node in a cluster. Each track is encoded by the node that holds its lease (`leases.ts`), by the encoder of a
 * single machine (`ownership.ts`). The other nodes ask the owner through PostgreSQL (`messages.ts`), and hear how far it is.
 */
import type { Logger } from 'pino';
import { repeat } from '../../concurrency/repeat.ts';
import type { Database } from '../../database/database.ts';
import type { Listening } from '../../database/listening.ts';
import { parseNotice, type TrackNotice } from '../../database/notices.ts';
import { errors } from '../../errors.ts';
import type { PostgresLibrary } from '../../library/postgres.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Track } from '../../tracks/track.ts';
import type { TrackEvents } from '../../tracks/track-events.ts';
import type { Encoder, EncodingProgress, StartOptions } from '../encoder.ts';
import { reopened } from '../finishing.ts';
import { askOwner } from './ask-owner.ts';
import { createFileChanges } from './file-changes.ts';
import { createLeases, type Lease } from './leases.ts';
import { createLiveProgress } from './live-progress.ts';
import type { Have, Want } from './messages.ts';
import { createOwner, type OwnEncoder } from './owner.ts';
import { createSegmentWants } from './segment-wants.ts';
import { createClusterWaits } from './waits.ts';
import { cancelWork, lookForWork, offerWork } from './work.ts';

export interface ClusterEncoderOptions {
  database: Database;
  /** The same database, by connections that no request of a client takes. */
  leaseDatabase: Database;
  listening: Listening;
  library: PostgresLibrary;
  storage: Storage;
  trackEvents: TrackEvents;
  log: Logger;
  /** Id of this process. */
  node: string;
  concurrency: number;
  /** Resolves with the version of the ffmpeg of this node. */
  ffmpegVersion(): Promise<string>;
  /** Makes the encoder of this machine; undefined on a node that does not encode. */
  createEncoder: ((own: OwnEncoder) => Encoder) | undefined;
}

export interface ClusterEncoder extends Encoder {
  /** Number of tracks that this node encodes. */
  readonly leases: number;
}

const RENEW_MS = 2000;
const LOOK_MS = 1000;
/** Requests that wait when this node stops get what another node encodes for so long. */
const LINGER_MS = 5000;

export function createClusterEncoder(options: ClusterEncoderOptions): ClusterEncoder {
  const { database, listening, library, storage, trackEvents, log, node } = options;
  const closing = new AbortController();
  const closed = new AbortController();
  const changes = createFileChanges();
  const wants = createSegmentWants();
  const progress = createLiveProgress(database, node);
  const ffmpegVersion = options.createEncoder ? options.ffmpegVersion : async () => null;
  const leases = createLeases({ database: options.leaseDatabase, listening, node, ffmpegVersion });
  let waiting = 0;

  /** A track may have another owner, or none, or another record. */
  const changed = (filename?: string) => {
    changes.send(filename);
    wants.end('changed', filename);
  };
  const owner =
    options.createEncoder &&
    createOwner({ ...options, leases, progress, createEncoder: options.createEncoder, onChange: changed });
  const ownerOf = (filename: string) => (owner?.isOwner(filename) ? owner.encoder : undefined);

  const progressOf = (filename: string): EncodingProgress | undefined => {
    const own = ownerOf(filename)?.progressOf(filename);
    const told = progress.of(filename);
    // A new owner knows only after a look at the bucket what the one before has stored.
    return own && (own.isPlayable || !told?.isPlayable) ? own : (told ?? own);
  };

  const waits = createClusterWaits({
    ...options,
    changes,
    wants,
    ownerOf,
    progressOf,
    tellNow: async (filename) => owner?.tellNow(filename),
    closed: closed.signal,
  });

  const onError = (error: unknown) => log.debug({ err: error }, 'the database does not answer');
  const background = (step: Promise<void> | undefined) => void step?.catch(onError);

  const look = async () => {
    const count = await lookForWork(database, { follows: trackEvents.isFollowed() });
    waiting = count.waiting;
    if (count.free > 0) await owner?.claim();
    await owner?.setAside(waits.isAwaited);
  };

  /** Tells the listeners of this node what it has missed while it heard nothing. */
  const catchUp = async () => {
    changed();
    await progress.read();
    for (const filename of await library.changedWithin(listening.gapMs)) trackEvents.changed(filename);
    await owner?.renew();
  };

  listening.onBegin(() => background(catchUp()));
  listening.on('track', (payload) => {
    const notified = parseNotice<TrackNotice>(payload);
    if (notified.node !== node) trackEvents.changed(notified.filename);
    changed(notified.filename);
  });
  listening.on('work', () => background(owner?.claim()));
  listening.on('want', (payload) => background(owner?.heard(parseNotice<Want>(payload))));
  listening.on('have', (payload) => {
    const have = parseNotice<Have>(payload);
    if (have.tell === 'segment') wants.settle(have, have.outcome);
    else if (have.tell === 'progress') background(heardProgress(have));
    else {
      progress.forget(have.filename);
      changed(have.filename);
    }
  });

  const heardProgress = async (have: Extract<Have, { tell: 'progress' }>) => {
    if (have.node === node) return;
    const wasPlayable = progress.of(have.filename)?.isPlayable;
    await progress.heard(have);
    const isNews = !wasPlayable && progress.of(have.filename)?.isPlayable;
    if (isNews) trackEvents.changed(have.filename);
    else trackEvents.progressed(have.filename);
    changes.send(have.filename);
  };

  /** Removes a segment of a track that nobody encodes, before whoever encodes it looks what is stored. */
  const removeUnder = async (lease: Lease, home: string, segmentName: string) => {
    try {
      if (leases.isValid(lease.filename)) await storage.removeSegment(home, segmentName);
    } finally {
      if (owner) void owner.takeUp(lease);
      else await leases.handOver([lease], { aside: false });
    }
  };

  const start = async ({ filename }: Track, { holder = '', before }: StartOptions): Promise<void> => {
    const claims = owner && !closing.signal.aborted;
    const given = library.takeGiven(filename);
    // The statement that has added a track has made it work.
    if (!claims && !given) await offerWork(database, { filename, holder });
    // It has given the track to this node.
    if (owner && !claims) await leases.handOverAll();
    const lease =
      claims &&
      (given && given !== 'offered'
        ? leases.given({ filename, holder, ...given }, given.askedAt)
        : await leases.claim(filename, holder));
    // Segments are adopted without a lease as well: their names say what they hold.
    if (lease) await owner?.takeUp(lease, before);
    else await before?.();
  };

  void repeat(LOOK_MS, look, { signal: closing.signal, onError });
  if (owner) void repeat(RENEW_MS, owner.renew, { signal: closing.signal, onError });

  return {
    ...waits,
    start: (track, startOptions = {}) => background(start(track, startOptions)),
    async repair(track, segmentName) {
      const { filename } = track;
      const now = await library.update(filename, reopened);
      if (now?.status !== 'processing') return 'impossible';
      if (owner?.isOwner(filename)) return owner.repair(now, segmentName);
      const lease = leases.of(filename) ? undefined : await leases.claim(filename, '');
      if (lease) await removeUnder(lease, now.home, segmentName);
      else {
        await offerWork(database, { filename, holder: '' });
        await askOwner(database, { ask: 'repair', filename, segmentName });
      }
      return 'started';
    },
    async cancel(filename) {
      const lease = leases.of(filename);
      if (lease) await owner?.cancel(lease);
      const watch = changes.watch(filename);
      try {
        while (await cancelWork(database, filename)) {
          await askOwner(database, { ask: 'cancel', filename });
          await watch.next(closed.signal);
        }
      } finally {
        watch.end();
      }
    },
    async release(filename) {
      const lease = leases.of(filename);
      if (lease) await leases.handOver([lease], { aside: false });
      await owner?.encoder.release(filename);
      changed(filename);
    },
    async readProgress(filename) {
      if (!progressOf(filename)?.isPlayable) await progress.read(filename).catch(onError);
    },
    progressOf,
    get isBusy() {
      return owner?.encoder.isBusy ?? false;
    },
    get waiting() {
      return waiting;
    },
    get outstanding() {
      return owner?.encoder.outstanding ?? { bytes: 0, files: 0 };
    },
    get leases() {
      return leases.size;
    },
    async close() {
      closing.abort(new Error('the server stops'));
      await owner?.close().catch(onError);
      changed();
      const stop = () => {
        closed.abort(errors.shuttingDown());
        wants.end('stopped');
        changes.send();
      };
      setTimeout(stop, LINGER_MS).unref();
    },
  };
}
