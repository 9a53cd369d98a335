/** The life of a track, as data. */
import * as z from 'zod';

export const TrackStatus = z.enum(['processing', 'ready', 'failed']);
export type TrackStatus = z.infer<typeof TrackStatus>;

/**
 * What may follow what: `failed` goes back to `processing` by a retry or by uploading the same bytes again, `ready` when a
 * segment has gone missing and the original is kept.
 */
const next: Record<TrackStatus, readonly TrackStatus[]> = {
  processing: ['ready', 'failed'],
  ready: ['processing'],
  failed: ['processing'],
};

/**
 * @throws {Error} when a track cannot go from the one to the other: a bug of ours, never of a client.
 */
export function assertTransition(from: TrackStatus, to: TrackStatus): void {
  if (from !== to && !next[from].includes(to)) throw new Error(`a ${from} track cannot become ${to}`);
}
