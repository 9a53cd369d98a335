/** How much of a track is stored, rendition by rendition. In memory, for tracks that are being processed. */
import { measureBandwidth } from '../presentation/bandwidth.ts';
import { parseSegmentName } from '../presentation/segment-name.ts';
import type { Timeline } from '../presentation/timeline.ts';
import type { StoredSegment } from '../storage/storage.ts';
import type { Rendition } from '../tracks/track.ts';

export interface Coverage {
  /** Segment numbers that are stored, counted from 0. */
  stored: ReadonlySet<number>;
  hasInit: boolean;
  /** Bytes of all its segments. */
  bytes: number;
  /** Bytes of each media segment that is stored, in their order. */
  mediaSizes(): number[];
  add(index: number | 'init', bytes: number): void;
}

/** @param segments all that a track has stored; those of other renditions and of older keys are passed over. */
export function coverageOf(rendition: Rendition, segments: readonly StoredSegment[]): Coverage {
  const sizes = new Map<number, number>();
  const stored = new Set<number>();
  let initBytes = 0;
  let mediaBytes = 0;
  const coverage: Coverage = {
    stored,
    get hasInit() {
      return initBytes > 0;
    },
    get bytes() {
      return initBytes + mediaBytes;
    },
    mediaSizes: () => [...sizes].sort(([a], [b]) => a - b).map(([, bytes]) => bytes),
    add(index, bytes) {
      if (index === 'init') initBytes = bytes;
      else {
        stored.add(index);
        mediaBytes += bytes - (sizes.get(index) ?? 0);
        sizes.set(index, bytes);
      }
    },
  };
  for (const { name, bytes } of segments) {
    const id = parseSegmentName(name);
    if (id?.renditionId === rendition.id && id.key === rendition.key) coverage.add(id.index, bytes);
  }
  return coverage;
}

/** The rendition with the bit rates that its segments need; as it was, unless all of them are stored. */
export function measuredRendition(rendition: Rendition, timeline: Timeline, coverage: Coverage): Rendition {
  const sizes = coverage.mediaSizes();
  if (sizes.length !== timeline.segmentCount) return rendition;
  return { ...rendition, ...measureBandwidth(timeline, sizes) };
}
