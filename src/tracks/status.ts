/** Defines the states of a track and the transitions between them. */
import * as z from 'zod';

export const TrackStatus = z.enum(['processing', 'ready', 'failed']);
export type TrackStatus = z.infer<typeof TrackStatus>;

/**
 * The allowed transitions. `failed` returns to `processing` by a retry or an upload of the same bytes; `ready` returns to
 * it when a segment is missing and the original is kept.
 */
const next: Record<TrackStatus, readonly TrackStatus[]> = {
  processing: ['ready', 'failed'],
  ready: ['processing'],
  failed: ['processing'],
};

/** @throws {Error} when a track cannot change from `from` to `to`: a fault of the server, never of a client. */
export function assertTransition(from: TrackStatus, to: TrackStatus): void {
  if (from !== to && !next[from].includes(to)) throw new Error(`a ${from} track cannot become ${to}`);
}
