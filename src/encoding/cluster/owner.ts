/** The owning half of a node: encodes the tracks whose lease it has, and answers what other nodes ask about them. */
import { createSingleFlight } from '../../concurrency/single-flight.ts';
import { notice } from '../../database/notices.ts';
import type { Library } from '../../library/library.ts';
import type { Storage } from '../../storage/storage.ts';
import type { TrackEvents } from '../../tracks/track-events.ts';
import type { Encoder } from '../encoder.ts';
import type { ClusterEncoderOptions } from './cluster-encoder.ts';
import { fenceStorage } from './fences.ts';
import type { Leases } from './leases.ts';
import type { LiveProgress } from './live-progress.ts';
import type { Have, Want } from './messages.ts';
import { createOwnerAnswers } from './owner-answers.ts';
import { createOwnership, type Ownership } from './ownership.ts';
import type { ProgressNews } from './progress-news.ts';
import { createTelling } from './telling.ts';

/** What the encoder of this machine works on: its changes need a lease, and all nodes hear of them. */
export interface OwnEncoder {
  library: Library;
  storage: Storage;
  trackEvents: TrackEvents;
}

export interface Owner extends Omit<Ownership, 'setAside' | 'progressed' | 'renew'> {
  /** The encoder of this machine. */
  readonly encoder: Encoder;
  /** Sets tracks aside of which this node has too many and for which nobody waits. */
  setAside(isAwaitedHere: (filename: string) => boolean): Promise<void>;
  /** Prolongs the leases, and tells all nodes the progress of their tracks. */
  renew(): Promise<void>;
  /** Does what another node asks for. */
  heard(want: Want): Promise<void>;
  repair: Encoder['repair'];
  /** Tells all nodes the progress of a track now. Never rejects. */
  tellNow(filename: string): Promise<void>;
}

export interface OwnerOptions extends Omit<ClusterEncoderOptions, 'createEncoder'> {
  leases: Leases;
  progress: LiveProgress;
  createEncoder(own: OwnEncoder): Encoder;
  onChange(filename: string): void;
}

export function createOwner(options: OwnerOptions): Owner {
  const { database, library, storage, trackEvents, node, leases, progress, createEncoder } = options;
  const newsOf = (filename: string): ProgressNews[] => {
    const lease = leases.of(filename);
    const own = encoder.progressOf(filename);
    // Before the encoder has looked what is stored, the owner before knows better.
    const isKnown = own && (own.isPlayable || !progress.of(filename)?.isPlayable);
    return lease && isKnown ? progress.newsOf(lease, own) : [];
  };
  const telling = createTelling({
    trackEvents,
    tell: (filenames) => progress.tell(filenames.flatMap(newsOf)),
    isNews(filename) {
      const lease = leases.of(filename);
      return (
        lease !== undefined &&
        encoder.progressOf(filename)?.isPlayable === true &&
        !progress.hasToldPlayable(lease)
      );
    },
  });
  const fenced = library.fencedBy((filename) => {
    const lease = leases.of(filename);
    return lease && { node, epoch: lease.epoch };
  });
  const encoder = createEncoder({
    library: fenced,
    storage: fenceStorage(storage, { isOwned: (home) => ownership.isOwned(home), trash: library.trash }),
    trackEvents: {
      ...telling.events,
      progressed(filename) {
        ownership.progressed(filename);
        telling.events.progressed(filename);
      },
    },
  });
  const ownership = createOwnership({ ...options, encoder, fenced });
  const answers = createOwnerAnswers(encoder, async (message: Have) => {
    await database.query(`select pg_notify('have', $1)`, [notice(message)]);
  });
  const claims = createSingleFlight<'claim', void>();

  const repair: Encoder['repair'] = (track, segmentName) =>
    answers.repair(track.filename, async () => {
      const outcome = await encoder.repair(track, segmentName);
      // The lease may have ended meanwhile: whoever takes the track next fills the gap.
      if (!ownership.isOwner(track.filename)) await encoder.release(track.filename);
      return outcome;
    });

  return {
    ...ownership,
    encoder,
    repair,
    renew: () => ownership.renew(telling.take().flatMap(newsOf)),
    claim: () => claims.run('claim', ownership.claim),
    setAside: (isAwaitedHere) =>
      ownership.setAside((filename) => isAwaitedHere(filename) || answers.isAsked(filename)),
    async heard(want) {
      if (want.ask === 'progress') return telling.followed();
      const lease = leases.of(want.filename);
      if (!lease || !ownership.isOwner(want.filename)) return;
      if (want.ask === 'segment') return answers.segment(want);
      if (want.ask === 'cancel') return ownership.cancel(lease);
      const track = await library.get(want.filename);
      if (track) await repair(track, want.segmentName);
    },
    tellNow: telling.now,
    async close() {
      answers.close();
      telling.close();
      await ownership.close();
    },
  };
}
