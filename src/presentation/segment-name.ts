/** Builds and parses segment names: `aac-128k-3f9a2c1b-init.mp4`, `aac-128k-3f9a2c1b-00001.m4s` (from 1). Pure. */
import type { Rendition, Track } from '../tracks/track.ts';
import { timelineOf } from './timeline.ts';

type Named = Pick<Rendition, 'id' | 'key'>;

/** Returns the name of the init segment. */
export function initSegmentName(rendition: Named): string {
  return `${rendition.id}-${rendition.key}-init.mp4`;
}

/** Returns the name of a media segment. @param index counted from 0; the name counts from 1. */
export function mediaSegmentName(rendition: Named, index: number): string {
  return `${rendition.id}-${rendition.key}-${String(index + 1).padStart(5, '0')}.m4s`;
}

/** Returns the name of any segment. @param index counted from 0, or `init`. */
export function segmentNameOf(rendition: Named, index: number | 'init'): string {
  return index === 'init' ? initSegmentName(rendition) : mediaSegmentName(rendition, index);
}

/** Yields the name of each segment that a ready track has. */
export function* allSegmentNames(track: Track): Generator<string> {
  const { segmentCount } = timelineOf(track);
  for (const rendition of track.renditions) {
    yield initSegmentName(rendition);
    for (let index = 0; index < segmentCount; index++) yield mediaSegmentName(rendition, index);
  }
}

/** Returns the names of the media segments as a template for players (23009-1 clause 5.3.9.4.4). */
export function mediaSegmentTemplate(rendition: Named): string {
  return `${rendition.id}-${rendition.key}-$Number%05d$.m4s`;
}

export interface SegmentId {
  renditionId: string;
  /** `key` of the rendition. */
  encodeHash: string;
  /** Counted from 0; `init` for the init segment. */
  index: number | 'init';
}

const SEGMENT_NAME = /^([a-z0-9]+-\d+k)-([0-9a-f]{8})-(?:(init)\.mp4|(\d{5,9})\.m4s)$/;

/** Parses a segment name. Returns undefined for a name that no segment can have. */
export function parseSegmentName(name: string): SegmentId | undefined {
  const match = SEGMENT_NAME.exec(name);
  if (!match) return undefined;
  const [, renditionId = '', encodeHash = '', init, number = ''] = match;
  const id: SegmentId = { renditionId, encodeHash, index: init ? 'init' : Number(number) - 1 };
  // Each segment has exactly one name: `000001` and `00000` name none.
  const canonical =
    id.index === 'init' ||
    (id.index >= 0 && mediaSegmentName({ id: renditionId, key: encodeHash }, id.index) === name);
  return canonical ? id : undefined;
}
