/**
 * What happens when a stored segment turns out to be missing or cut, by a failing disk or a careless hand: it harms its
 * own track alone. Where the original is kept it is simply a gap again, and is filled.
 */
import type { Logger } from 'pino';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import { assertTransition } from '../tracks/status.ts';
import type { Track } from '../tracks/track.ts';
import type { Encoder } from './encode.ts';
import type { Feed } from './feed.ts';

export interface Mender {
  /**
   * To be told of a segment that its track should have and has not.
   *
   * @returns whether it will be encoded anew.
   */
  mend(track: Track, segmentName: string): Promise<boolean>;
  /** Tracks that lack a segment and cannot be mended, as far as somebody has asked for it. */
  damaged(): Promise<string[]>;
}

export function createMender(services: {
  library: Library;
  storage: Storage;
  encoder: Encoder;
  feed: Feed;
  log: Logger;
}): Mender {
  const { library, storage, encoder, feed, log } = services;
  const damaged = new Set<string>();

  return {
    async mend({ filename, upload }, segmentName) {
      const canMend = upload !== null;
      const consequence = canMend ? 'it is encoded anew' : 'its original is not kept: upload it again';
      log.error({ filename, segment: segmentName }, `a stored segment is missing or cut; ${consequence}`);
      if (!canMend) {
        damaged.add(filename);
        return false;
      }
      await storage.removeSegment(filename, segmentName);
      const track = await library.update(filename, (current) => {
        if (current.status !== 'ready') return current;
        assertTransition('ready', 'processing');
        return { ...current, status: 'processing' };
      });
      if (track?.status !== 'processing') return false;
      await encoder.recheck(track);
      feed.changed(filename);
      return true;
    },
    async damaged() {
      for (const filename of damaged) if (!(await library.get(filename))) damaged.delete(filename);
      return [...damaged];
    },
  };
}
