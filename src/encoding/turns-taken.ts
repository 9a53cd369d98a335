/** Remembers the turns that holders and tracks have had at encoding, so that others come first next time. In memory only. */
import type { Turn, Urgency } from './plan.ts';

/** A track that waits for its turns. */
export interface Queued {
  /** When something of it was encoded last, in seconds of audio that were encoded in all. */
  workedAt: number;
}

/** @template T the tracks. */
export interface TurnsTaken<T extends Queued> {
  readonly lastUrgency: Urgency | undefined;
  /** When a holder had its last turn, by a count of turns; 0 for never. */
  servedAt(holder: string): number;
  take(turn: Turn): void;
  /** A track begins to wait. */
  join(track: T): void;
  /** Counts audio that was encoded. */
  worked(track: T, audioSeconds: number): void;
  /** Returns the track that has waited longest, when it is its turn. Tracks with a run do not wait. */
  due(tracks: readonly T[], hasRun: (track: T) => boolean): T | undefined;
  /** Notes that the track that was due has got its run. */
  dueServed(): void;
}

/** Holders that are remembered. A holder that comes back after so many others counts as new. */
const MAX_HOLDERS = 10_000;
/**
 * Audio that is encoded for the tracks with the least left between two turns of the one that has waited longest. A run is left
 * alone for its first 60 seconds of audio, so a long track gets a twentieth of the work however many short ones come.
 */
const DUE_EVERY_SECONDS = 1200;

export function createTurnsTaken<T extends Queued>(): TurnsTaken<T> {
  /** The least recent first. */
  const served = new Map<string, number>();
  let count = 0;
  let lastUrgency: Urgency | undefined;
  let sinceDueSeconds = 0;
  /** Audio that was encoded in all, in seconds: the clock of `workedAt`. */
  let clock = 0;

  return {
    get lastUrgency() {
      return lastUrgency;
    },
    servedAt: (holder) => served.get(holder) ?? 0,
    take({ urgency, holder }) {
      lastUrgency = urgency;
      served.delete(holder);
      served.set(holder, ++count);
      const [oldest] = served.size > MAX_HOLDERS ? served.keys() : [];
      if (oldest !== undefined) served.delete(oldest);
    },
    join(track) {
      track.workedAt = clock;
    },
    worked(track, audioSeconds) {
      clock += audioSeconds;
      sinceDueSeconds += audioSeconds;
      track.workedAt = clock;
    },
    due(tracks, hasRun) {
      if (sinceDueSeconds < DUE_EVERY_SECONDS) return undefined;
      const waiting = tracks.filter((track) => !hasRun(track));
      if (waiting.length === tracks.length) return undefined;
      return waiting.reduce<T | undefined>(
        (longest, track) => (longest && longest.workedAt <= track.workedAt ? longest : track),
        undefined,
      );
    },
    dueServed() {
      sinceDueSeconds = 0;
    },
  };
}
