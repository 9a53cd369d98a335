/** Waits on this node for tracks that any node encodes. Each asks again each second, for each message may be lost. */
import type { Database } from '../../database/database.ts';
import type { Listening } from '../../database/listening.ts';
import type { Library } from '../../library/library.ts';
import { type SegmentId, segmentNameOf } from '../../presentation/segment-name.ts';
import type { Storage } from '../../storage/storage.ts';
import type { Track } from '../../tracks/track.ts';
import type { Encoder, EncodingProgress, Interruption } from '../encoder.ts';
import type { WaitOutcome } from '../segment-waiters.ts';
import { askOwner } from './ask-owner.ts';
import type { FileChanges } from './file-changes.ts';
import type { SegmentWant } from './messages.ts';
import type { SegmentWants } from './segment-wants.ts';

export interface ClusterWaits extends Pick<Encoder, 'whenPlayable' | 'whenSettled' | 'whenStored'> {
  /** Returns whether a request on this node waits for a track. */
  isAwaited(filename: string): boolean;
}

export interface ClusterWaitsOptions {
  database: Database;
  listening: Listening;
  library: Library;
  storage: Storage;
  changes: FileChanges;
  wants: SegmentWants;
  /** Returns the encoder of this machine where it encodes the track. */
  ownerOf(filename: string): Encoder | undefined;
  progressOf(filename: string): EncodingProgress | undefined;
  /** Tells all nodes that a track of this one is playable, before a client hears it. */
  tellNow(filename: string): Promise<void>;
  /** Aborted when no wait may go on. */
  closed: AbortSignal;
}

export function createClusterWaits(options: ClusterWaitsOptions): ClusterWaits {
  const { database, listening, library, storage, changes, wants, ownerOf, progressOf, tellNow, closed } =
    options;
  /** Number of waits by filename. */
  const awaited = new Map<string, number>();

  const counted = async <T>(filename: string, wait: () => Promise<T>): Promise<T> => {
    awaited.set(filename, (awaited.get(filename) ?? 0) + 1);
    try {
      return await wait();
    } finally {
      const left = (awaited.get(filename) ?? 1) - 1;
      if (left > 0) awaited.set(filename, left);
      else awaited.delete(filename);
    }
  };

  /** Resolves with a track, or with `unknown` while the database is away. */
  const recordOf = async (filename: string): Promise<Track | undefined | 'unknown'> =>
    library.get(filename).catch(() => 'unknown' as const);

  /**
   * Looks at a track after each change until there is an outcome.
   *
   * @param ofOwner waits on the encoder of this machine; its `stopped` counts if this node still has the track.
   */
  const untilOutcome = async (
    filename: string,
    {
      signal = closed,
      ofOwner,
      isEnough = () => false,
    }: {
      signal?: AbortSignal;
      ofOwner(encoder: Encoder): Promise<Track | Interruption>;
      isEnough?(track: Track): boolean;
    },
  ): Promise<Track | Interruption> => {
    const either = signal === closed ? closed : AbortSignal.any([signal, closed]);
    const watch = changes.watch(filename);
    try {
      for (;;) {
        if (closed.aborted) return 'stopped';
        signal.throwIfAborted();
        const track = await recordOf(filename);
        if (track === undefined) return 'deleted';
        if (track !== 'unknown' && (track.status !== 'processing' || isEnough(track))) return track;
        const owner = ownerOf(filename);
        if (owner) {
          const outcome = await ofOwner(owner);
          const hasMoved = outcome === 'stopped' && ownerOf(filename) === undefined;
          const isSettling =
            typeof outcome !== 'string' && outcome.status === 'processing' && !isEnough(outcome);
          if (!hasMoved && !isSettling) return outcome;
        }
        await watch.next(either).catch(() => {});
      }
    } finally {
      watch.end();
    }
  };

  const isStored = async (track: Track, { renditionId, index }: SegmentWant): Promise<boolean> => {
    const rendition = track.renditions.find(({ id }) => id === renditionId);
    return (
      rendition !== undefined &&
      (await storage.readSegment(track.home, segmentNameOf(rendition, index))) !== undefined
    );
  };

  /** A track that was set aside is free for every node once a listener waits for it. */
  const takeFromAside = (filename: string) =>
    database.query(
      `with freed as (update work set aside = false where filename = $1 and aside returning 1)
       select pg_notify('work', '') from freed`,
      [filename],
    );

  const ask = async (segment: SegmentWant): Promise<WaitOutcome | undefined> => {
    try {
      const track = await library.get(segment.filename);
      if (!track || track.status === 'failed') return 'gone';
      if (track.status === 'ready') return 'stored';
      // The owner goes on while the database is away, and nobody hears it.
      if (listening.state !== 'listening') return (await isStored(track, segment)) ? 'stored' : undefined;
      await takeFromAside(segment.filename);
      await askOwner(database, segment);
    } catch {
      // An engine is away: asked again in a second.
    }
    return undefined;
  };

  const whenStored = async (
    filename: string,
    segment: Pick<SegmentId, 'renditionId' | 'index'>,
    waiting: { signal: AbortSignal; holder: string },
  ): Promise<WaitOutcome> => {
    for (;;) {
      if (closed.aborted) return 'stopped';
      const owner = ownerOf(filename);
      const outcome = owner
        ? await owner.whenStored(filename, segment, waiting)
        : await wants.wait(filename, segment, { ...waiting, ask });
      const hasMoved = outcome === 'changed' || (outcome === 'stopped' && !closed.aborted);
      if (!hasMoved) return outcome;
      waiting.signal.throwIfAborted();
    }
  };

  return {
    isAwaited: (filename) => awaited.has(filename),
    whenPlayable: (filename) =>
      counted(filename, async () => {
        const outcome = await untilOutcome(filename, {
          ofOwner: (encoder) => encoder.whenPlayable(filename),
          isEnough: () => progressOf(filename)?.isPlayable === true,
        });
        if (ownerOf(filename)) await tellNow(filename);
        return outcome;
      }),
    whenSettled: (filename, settling) =>
      counted(filename, () =>
        untilOutcome(filename, {
          ...settling,
          ofOwner: (encoder) => encoder.whenSettled(filename, settling),
        }),
      ),
    whenStored: (filename, segment, waiting) =>
      counted(filename, () => whenStored(filename, segment, waiting)),
  };
}
