/** The segments of an early encode: staged, and adopted by the track that the upload becomes. */
import { initSegmentName, mediaSegmentName } from '../presentation/segment-name.ts';
import { timelineOf } from '../presentation/timeline.ts';
import type { SegmentStage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';

export interface StagedSegments {
  put(renditionId: string, index: number | 'init', bytes: Buffer): Promise<void>;
  /**
   * Gives a track those of its segments that are staged: of each rendition its init segment and its media segments before the
   * last one. The last one ends with the source, and its length was not known.
   *
   * @returns how many segments were adopted.
   */
  adopt(track: Track): Promise<number>;
  /** Removes the segments that were not adopted. */
  discard(): Promise<void>;
}

export function createStagedSegments(stage: SegmentStage): StagedSegments {
  const staged = new Map<string, Set<number | 'init'>>();
  const nameOf = (renditionId: string, index: number | 'init') => `${renditionId}-${index}`;

  return {
    async put(renditionId, index, bytes) {
      await stage.put(nameOf(renditionId, index), bytes);
      const indexes = staged.get(renditionId) ?? new Set();
      staged.set(renditionId, indexes.add(index));
    },
    async adopt(track) {
      const last = timelineOf(track).segmentCount - 1;
      const names = new Map<string, string>();
      for (const rendition of track.renditions) {
        const indexes = staged.get(rendition.id);
        // Media segments without their init segment would be encoded again.
        if (!indexes?.has('init')) continue;
        names.set(nameOf(rendition.id, 'init'), initSegmentName(rendition));
        for (const index of indexes) {
          if (index === 'init' || index >= last) continue;
          names.set(nameOf(rendition.id, index), mediaSegmentName(rendition, index));
        }
      }
      if (names.size > 0) await stage.adopt(track.home, names);
      return names.size;
    },
    discard: () => stage.discard(),
  };
}
