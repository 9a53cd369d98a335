/**
 * Repairs stored segments that are missing or cut, by a failing disk or a careless hand. If the original is kept, such a segment
 * is a gap again, and the encoder fills it. A lost segment harms its own track alone.
 */
import type { Logger } from 'pino';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import type { Encoder } from '../encoding/encoder.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { TrackEvents } from '../tracks/track-events.ts';

export interface SegmentRepair {
  /**
   * Repairs a segment that its track should have and has not.
   *
   * @returns true if the segment is there again, or will be encoded again.
   */
  repair(filename: string, segmentName: string): Promise<boolean>;
  /** Lists tracks that lack a segment and cannot be repaired, as far as clients have asked for that segment. */
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
  /** Repairs one segment of a track after the other: one that was just encoded again is not removed again. */
  const turns = createKeyedMutex();

  const repairNow = async (filename: string, segmentName: string): Promise<boolean> => {
    const track = await library.get(filename);
    if (!track || track.status === 'failed') return false;
    if (await storage.readSegment(track.home, segmentName)) return true;
    const repair = track.upload === null ? 'impossible' : await encoder.repair(track, segmentName);
    if (repair === 'under way') return true;
    const isRepaired = repair === 'started';
    const consequence = isRepaired ? 'it is encoded again' : 'its original is not kept: upload it again';
    log.error({ filename, segment: segmentName }, `a stored segment is missing or cut; ${consequence}`);
    if (isRepaired) trackEvents.changed(filename);
    else damaged.add(filename);
    return isRepaired;
  };

  return {
    repair: (filename, segmentName) => turns.run(filename, () => repairNow(filename, segmentName)),
    async damaged() {
      for (const filename of damaged) if (!(await library.get(filename))) damaged.delete(filename);
      return [...damaged];
    },
  };
}
