/**
 * Records that this node has read or written, kept for as long as it hears of their changes.
 *
 * A record counts while the node listens. When the database is away nobody can change a record, so the last ones that were
 * known are served for as long as that lasts.
 */
import { LRUCache } from 'lru-cache';
import type { ListeningState } from '../database/listening.ts';
import type { Track } from '../tracks/track.ts';

/** A record and its place among all changes. */
export interface Versioned {
  track: Track;
  version: number;
}

/** A read or a change under way. */
export interface Reading {
  /** Keeps what was read, unless a later change was heard of meanwhile. Returns the record that is known from now on. */
  keep(found: Versioned | undefined): Track | undefined;
  end(): void;
}

export interface KnownTracks {
  /** Returns a record that counts; always the same object until it is changed. */
  peek(filename: string): Track | undefined;
  /** Returns a record that counts, with its version. */
  current(filename: string): Versioned | undefined;
  /** Returns a record that may have changed: better than none when the database does not answer. */
  last(filename: string): Track | undefined;
  begin(filename: string): Reading;
  /** Notes that a record has changed. @param changed returns the new record where the message has it. */
  heard(filename: string, version: number, changed?: () => Track | undefined): void;
  /** Notes that a track is gone. */
  forget(filename: string): void;
  /** Notes that changes may have been missed. */
  missed(): void;
}

const MOST = 100_000;

interface Entry extends Versioned {
  /** False once a change was heard of, or missed, that is not read yet. */
  isCurrent: boolean;
}

export function createKnownTracks(stateOf: () => ListeningState): KnownTracks {
  const entries = new LRUCache<string, Entry>({ max: MOST });
  /** The latest version that was heard of during each read, by filename. */
  const readings = new Map<string, Set<{ heard: number }>>();

  return {
    peek(filename) {
      const entry = entries.get(filename);
      const state = stateOf();
      const counts = state === 'away' || (state === 'listening' && entry?.isCurrent);
      return counts ? entry?.track : undefined;
    },
    current(filename) {
      const entry = entries.get(filename);
      return stateOf() === 'listening' && entry?.isCurrent ? entry : undefined;
    },
    last: (filename) => entries.get(filename)?.track,
    begin(filename) {
      const reading = { heard: 0 };
      const ofTrack = readings.get(filename) ?? new Set();
      readings.set(filename, ofTrack.add(reading));
      return {
        keep(found) {
          if (!found) {
            entries.delete(filename);
            return undefined;
          }
          const before = entries.peek(filename);
          // Another read has brought a later version meanwhile, or the same one.
          if (before && before.version >= found.version) {
            before.isCurrent ||= before.version >= reading.heard;
            return before.track;
          }
          entries.set(filename, { ...found, isCurrent: found.version >= reading.heard });
          return found.track;
        },
        end() {
          ofTrack.delete(reading);
          if (ofTrack.size === 0 && readings.get(filename) === ofTrack) readings.delete(filename);
        },
      };
    },
    heard(filename, version, changed = () => undefined) {
      for (const reading of readings.get(filename) ?? [])
        if (reading.heard < version) reading.heard = version;
      const entry = entries.peek(filename);
      if (!entry || entry.version >= version) return;
      const track = changed();
      if (track) entries.set(filename, { track, version, isCurrent: true });
      else entry.isCurrent = false;
    },
    forget: (filename) => void entries.delete(filename),
    missed() {
      for (const entry of entries.values()) entry.isCurrent = false;
      for (const ofTrack of readings.values()) {
        // What such a read brings counts only until the next one.
        for (const reading of ofTrack) reading.heard = Number.POSITIVE_INFINITY;
      }
    },
  };
}
