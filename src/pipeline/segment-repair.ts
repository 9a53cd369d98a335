/**
 * Repairs stored segments that are missing or cut, by a failing disk or a careless hand. If the original is kept, such a segment
 * is a gap again, and the encoder fills it. A lost segment harms its own track alone.
 */
import type { Logger } from 'pino';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import type { Encoder } from '../encoding/encoder.ts';
import type { Library } from '../library/library.ts';
import { allSegmentNames } from '../presentation/segment-name.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';

export interface SegmentRepair {
  /**
   * Repairs a segment that its track should have and has not.
   *
   * @returns true if the segment is there again, or will be encoded again.
   */
  repair(filename: string, segmentName: string): Promise<boolean>;
  /**
   * Looks whether all segments of a ready track are stored, once for each version of its record, and repairs those that are not.
   * Clients that read segments where they are stored tell nobody what they do not find.
   *
   * @param track as the library returns it.
   */
  lookOver(track: Track): void;
  /** Lists tracks that lack a segment and cannot be repaired, as far as that was noticed. */
  damaged(): Promise<string[]>;
}

export function createSegmentRepair(services: {
  library: Library;
  storage: Storage;
  encoder: Encoder;
  trackEvents: TrackEvents;
  log: Logger;
}): SegmentRepair {
  const { library, storage, encoder, trackEvents, log } = services;
  const damaged = new Set<string>();
  const lookedOver = new WeakSet<Track>();
  /** Repairs one segment of a track after the other: one that was just encoded again is not removed again. */
  const turns = createKeyedMutex();

  const repairNow = async (filename: string, segmentName: string): Promise<boolean> => {
    const track = await library.get(filename);
    if (!track || track.status === 'failed') return false;
    if (await storage.readSegment(track.home, segmentName)) return true;
    return encodeAgain(track, segmentName);
  };

  const encodeAgain = async (track: Track, segmentName: string): Promise<boolean> => {
    const { filename } = track;
    const repair = track.upload === null ? 'impossible' : await encoder.repair(track, segmentName);
    if (repair === 'under way') return true;
    const isRepaired = repair === 'started';
    const consequence = isRepaired ? 'it is encoded again' : 'its original is not kept: upload it again';
    log.error({ filename, segment: segmentName }, `a stored segment is missing or cut; ${consequence}`);
    if (isRepaired) trackEvents.changed(filename);
    else damaged.add(filename);
    return isRepaired;
  };

  const repairMissing = async (track: Track): Promise<void> => {
    const stored = new Set((await storage.listSegments(track.home)).map(({ name }) => name));
    const missing = [...allSegmentNames(track)].find((name) => !stored.has(name));
    if (missing === undefined) return;
    await turns.run(track.filename, async () => {
      // Not read first, as for `repair`: it may be in memory. The encoder finds the other gaps by itself.
      const now = await library.get(track.filename);
      if (now?.status === 'ready' && now.home === track.home) await encodeAgain(now, missing);
    });
  };

  return {
    lookOver(track) {
      if (track.status !== 'ready' || lookedOver.has(track)) return;
      lookedOver.add(track);
      repairMissing(track).catch((error: unknown) => {
        lookedOver.delete(track);
        log.debug({ err: error, filename: track.filename }, 'segments not looked over');
      });
    },
    repair: (filename, segmentName) => turns.run(filename, () => repairNow(filename, segmentName)),
    async damaged() {
      for (const filename of damaged) if (!(await library.get(filename))) damaged.delete(filename);
      return [...damaged];
    },
  };
}
