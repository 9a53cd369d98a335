/**
 * What happens when a stored segment turns out to be missing or cut, by a failing disk or a careless hand: it harms its
 * own track alone. Where the original is kept it is simply a gap again, and is filled.
 */
import type { Logger } from 'pino';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import type { Encoder } from '../encoding/encoder.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { TrackEvents } from '../tracks/track-events.ts';

export interface SegmentRepair {
  /**
   * To be told of a segment that its track should have and has not.
   *
   * @returns whether it is there again, or will be encoded anew.
   */
  repair(filename: string, segmentName: string): Promise<boolean>;
  /** Tracks that lack a segment and cannot be mended, as far as somebody has asked for it. */
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
  /** One segment of a track after the other: a segment that was just encoded anew is not removed again. */
  const turns = createKeyedMutex();

  const mend = async (filename: string, segmentName: string): Promise<boolean> => {
    const track = await library.get(filename);
    if (!track || track.status === 'failed') return false;
    if (await storage.readSegment(track.home, segmentName)) return true;
    const repair = track.upload === null ? 'impossible' : await encoder.repair(track, segmentName);
    if (repair === 'under way') return true;
    const isRepaired = repair === 'started';
    const consequence = isRepaired ? 'it is encoded anew' : 'its original is not kept: upload it again';
    log.error({ filename, segment: segmentName }, `a stored segment is missing or cut; ${consequence}`);
    if (isRepaired) trackEvents.changed(filename);
    else damaged.add(filename);
    return isRepaired;
  };

  return {
    repair: (filename, segmentName) => turns.run(filename, () => mend(filename, segmentName)),
    async damaged() {
      for (const filename of damaged) if (!(await library.get(filename))) damaged.delete(filename);
      return [...damaged];
    },
  };
}
