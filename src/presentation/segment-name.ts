/** The names of segments: `aac-128k-3f9a2c1b-init.mp4`, `aac-128k-3f9a2c1b-00001.m4s` (numbers from 1). Pure. */
import type { Rendition } from '../tracks/track.ts';

type Named = Pick<Rendition, 'id' | 'key'>;

export function initSegmentName(rendition: Named): string {
  return `${rendition.id}-${rendition.key}-init.mp4`;
}

/** @param index counted from 0; the name counts from 1. */
export function mediaSegmentName(rendition: Named, index: number): string {
  return `${rendition.id}-${rendition.key}-${String(index + 1).padStart(5, '0')}.m4s`;
}

/** @param index counted from 0, or `init`. */
export function segmentNameOf(rendition: Named, index: number | 'init'): string {
  return index === 'init' ? initSegmentName(rendition) : mediaSegmentName(rendition, index);
}

/** The same as a template of 23009-1 clause 5.3.9.4.4. */
export function mediaSegmentTemplate(rendition: Named): string {
  return `${rendition.id}-${rendition.key}-$Number%05d$.m4s`;
}

export interface SegmentId {
  renditionId: string;
  key: string;
  /** Counted from 0; `init` for the init segment. */
  index: number | 'init';
}

const SEGMENT_NAME = /^([a-z0-9]+-\d+k)-([0-9a-f]{8})-(?:(init)\.mp4|(\d{5,9})\.m4s)$/;

/** What a name says, or undefined when no segment could ever have it. */
export function parseSegmentName(name: string): SegmentId | undefined {
  const match = SEGMENT_NAME.exec(name);
  if (!match) return undefined;
  const [, renditionId = '', key = '', init, number = ''] = match;
  const id: SegmentId = { renditionId, key, index: init ? 'init' : Number(number) - 1 };
  // Each segment has one name only: `000001` and `00000` are nobody's.
  const canonical =
    id.index === 'init' || (id.index >= 0 && mediaSegmentName({ id: renditionId, key }, id.index) === name);
  return canonical ? id : undefined;
}
