/** Stored segments of one rendition, and their sizes. In memory, for tracks that are being encoded. */
import { measureBandwidth } from '../presentation/bandwidth.ts';
import { parseSegmentName } from '../presentation/segment-name.ts';
import type { Timeline } from '../presentation/timeline.ts';
import type { StoredSegment } from '../storage/storage.ts';
import type { Rendition } from '../tracks/track.ts';

export interface Coverage {
  /** Bytes of each stored media segment, by its number, counted from 0. */
  readonly stored: ReadonlyMap<number, number>;
  readonly hasInit: boolean;
  /** Bytes of all stored segments. */
  readonly bytes: number;
  add(index: number | 'init', bytes: number): void;
}

/** @param segments all that a track has stored; those of other renditions and of older keys are passed over. */
export function coverageOf(rendition: Rendition, segments: readonly StoredSegment[]): Coverage {
  const stored = new Map<number, number>();
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
    add(index, bytes) {
      if (index === 'init') {
        initBytes = bytes;
        return;
      }
      mediaBytes += bytes - (stored.get(index) ?? 0);
      stored.set(index, bytes);
    },
  };
  for (const { name, bytes } of segments) {
    const id = parseSegmentName(name);
    if (id?.renditionId === rendition.id && id.encodeHash === rendition.key) coverage.add(id.index, bytes);
  }
  return coverage;
}

/** Returns whether a coverage has a segment. */
export function covers({ hasInit, stored }: Coverage, index: number | 'init'): boolean {
  return index === 'init' ? hasInit : stored.has(index);
}

/** Returns the rendition with the bit rates that its segments need; the same object unless all of them are stored. */
export function measuredRendition(rendition: Rendition, timeline: Timeline, coverage: Coverage): Rendition {
  if (coverage.stored.size !== timeline.segmentCount) return rendition;
  const sizes = [...coverage.stored].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
  return { ...rendition, ...measureBandwidth(timeline, sizes) };
}
