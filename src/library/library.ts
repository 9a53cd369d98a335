/** What is known of tracks. */
import type { Track } from '../tracks/track.ts';

/** A track before it is added: its name and its time are given then. */
export type TrackDraft = Omit<Track, 'filename' | 'uploadedAt'>;

export interface Page {
  tracks: Track[];
  /** Where the next page begins; undefined on the last one. */
  nextCursor: string | undefined;
}

export interface PageRequest {
  /** Tracks on a page; all where it is left out. */
  limit?: number | undefined;
  /** As an earlier page gave it. */
  cursor?: string | undefined;
  /** Part of a name, in whatever case. */
  query?: string | undefined;
  /** The newest come first where it is left out. */
  oldestFirst?: boolean;
}

export interface Library {
  /**
   * Resolves when all records are read. Until then `get` finds any track all the same, and whatever else is asked for
   * waits.
   */
  readonly opened: Promise<void>;
  get(filename: string): Promise<Track | undefined>;
  /** The same at once, where the record is in memory; always the same object until it is changed. */
  peek(filename: string): Track | undefined;
  findBySha256(sha256: string): Promise<Track | undefined>;
  /**
   * Tracks that come or go between two pages shift nothing. Other work gets its turn while many names are searched. Throws
   * an AppError on a wrong cursor.
   */
  page(request: PageRequest): Promise<Page>;
  /**
   * Adds a track under `wantedName` or, when that is taken, under the first free of `name-2`, `name-3`, ... Once it
   * resolves the track is durable; of two calls at once each gets its own name.
   */
  add(wantedName: string, draft: TrackDraft): Promise<Track>;
  /**
   * Changes a track; durable once it resolves. Changes of one track happen one after the other. Resolves with
   * undefined when the track is gone.
   */
  update(filename: string, change: (track: Track) => Track): Promise<Track | undefined>;
  /**
   * Once it resolves the track exists no more, also after a crash. Between the two, when the track is gone and its
   * name not yet free for another, `beforeNameIsFree` removes what else is stored under that name.
   */
  remove(filename: string, beforeNameIsFree: () => Promise<void>): Promise<void>;
  /** Publishes the manifest for people and other servers; the service itself renders its own. */
  putManifest(filename: string, mpd: string): Promise<void>;
  /** Names of records that cannot be read; what they stand for is left alone. */
  damaged(): Promise<string[]>;
  assertWritable(): Promise<void>;
}
