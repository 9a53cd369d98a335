/** What the nodes of a cluster tell each other about tracks that are encoded. Each message may be lost. */
import type { EncodingProgress } from '../encoder.ts';

/** On `want`: a node asks the owner of a track, and asks again each second while it waits. */
export type Want =
  | { ask: 'segment'; filename: string; renditionId: string; index: number | 'init'; holder: string }
  | { ask: 'repair'; filename: string; segmentName: string }
  /** A client of the node follows tracks: owners tell their progress each second. */
  | { ask: 'progress' }
  /** The track is being deleted. */
  | { ask: 'cancel'; filename: string };

export type SegmentWant = Extract<Want, { ask: 'segment' }>;

/** On `have`: the owner of a track tells all nodes. */
export type Have =
  | {
      tell: 'segment';
      filename: string;
      renditionId: string;
      index: number | 'init';
      outcome: 'stored' | 'gone';
    }
  /** `progress` is null where it does not fit into a message: the table `live` has it. */
  | { tell: 'progress'; filename: string; node: string; progress: EncodingProgress | null }
  /** The track is encoded no more. */
  | { tell: 'over'; filename: string };

/** Returns the name of a segment that nodes ask for. No file name and no rendition id holds a slash. */
export function placeKey({
  filename,
  renditionId,
  index,
}: Pick<SegmentWant, 'filename' | 'renditionId' | 'index'>): string {
  return `${filename}/${renditionId}/${index}`;
}
