/** Takes over tracks of another library: with their names, their times and all else that their records say. */
import type { Track, TrackRecord } from '../tracks/track.ts';

/** A record that a library has. */
export interface Held {
  filename: string;
  /** Undefined where the record cannot be read. */
  track: Track | undefined;
  /** Names this state of the record. */
  version: string;
  /** True if nothing has changed the record since it was taken over. False where that is not known. */
  isAsImported: boolean;
  /** True if the track is being deleted: its name is not free yet. */
  isLeaving: boolean;
}

/** What stands where a track is to go. */
export interface InPlace {
  /** The record with this name, or with one that is the same name to some file systems. */
  byName: Held | undefined;
  /** The record of a track with the same bytes. */
  byContent: Held | undefined;
}

export interface Importing {
  /** Resolves with what stands in the places of tracks, in their order. */
  find(tracks: readonly TrackRecord[]): Promise<InPlace[]>;
  /**
   * Adds a track as it is; durable once it resolves. What its record names has to be stored before. A track that is processing
   * is encoded from then on by the servers of this library. Resolves with false where its name or its bytes are taken by now.
   */
  add(track: Track): Promise<boolean>;
  /**
   * Puts a record in the place of another one of the same track. Resolves with false where that one has changed since, or while a
   * server encodes the track.
   */
  replace(held: Held, track: Track): Promise<boolean>;
  /** Resolves with the number of tracks. */
  count(): Promise<number>;
}
