/** Keeps the records of tracks. */
import type { AlbumLoudness } from '../tracks/replay-gain.ts';
import type { TrackStatus } from '../tracks/status.ts';
import type { Track, TrackRecord } from '../tracks/track.ts';

/** A track before it is added: the library gives it its name, its time and its home. */
export type TrackDraft = Omit<TrackRecord, 'filename' | 'uploadedAt'>;

export interface Page {
  tracks: Track[];
  /** Cursor of the next page; undefined on the last one. */
  nextCursor: string | undefined;
}

/**
 * Orders of a list. `title` puts tracks without a title at their file name, `artist` puts those without one last, `duration` the
 * shortest first. Text is compared blind to case and accents; what is equal is in the order of upload.
 */
export type Sort = 'newest' | 'title' | 'artist' | 'duration';

export interface PageRequest {
  /** Most tracks on a page; all by default. */
  limit?: number | undefined;
  /** Cursor that an earlier page gave. */
  cursor?: string | undefined;
  /**
   * Words that must all occur in the title, artist, album, a name or the external id of a track: anywhere, also within other
   * words, blind to case and accents.
   */
  query?: string | undefined;
  status?: TrackStatus | undefined;
  /** The whole artist, blind to case and accents. */
  artist?: string | undefined;
  /** The whole album, in the same way. */
  album?: string | undefined;
  sort?: Sort | undefined;
  /** Puts the oldest tracks first where the newest would be; changes no other order. */
  oldestFirst?: boolean;
}

export interface Library {
  /** Resolves when all records are read. Until then `get` finds any track all the same; other calls wait. */
  readonly opened: Promise<void>;
  get(filename: string): Promise<Track | undefined>;
  /** Returns the track at once if its record is in memory; always the same object until it is changed. */
  peek(filename: string): Track | undefined;
  findBySha256(sha256: string): Promise<Track | undefined>;
  /**
   * Tracks that come or go between two pages shift nothing. Other work gets its turn while many names are searched. Throws an
   * AppError on a wrong cursor.
   */
  page(request: PageRequest): Promise<Page>;
  /** Yields the tracks whose status is `processing`, oldest first. */
  unfinished(): AsyncIterable<Track>;
  /** Yields the ready tracks with a rendition whose bit rates were never measured: those of early versions. */
  unmeasured(): AsyncIterable<Track>;
  /** Yields the ready tracks whose analysis is pending, oldest first. */
  unanalysed(): AsyncIterable<Track>;
  /**
   * Resolves when `albumOf` tells the loudness of the albums of these tracks, as it is now, or was known last. At once where all is
   * in memory; until that is read, albums are not known. Never rejects.
   */
  readAlbums(tracks: readonly Track[]): Promise<void>;
  /** Returns the loudness of the album of an analysed track, as far as it is known; undefined for a track without an album. */
  albumOf(track: Track): AlbumLoudness | undefined;
  /** Resolves with those uploads that no track has as its original. Resolves with none of them while a record is damaged. */
  unownedUploads(uploads: readonly string[]): Promise<string[]>;
  /** Resolves with those uploads whose track does not use a copy that can be sought in. As `unownedUploads`. */
  unusedCopies(uploads: readonly string[]): Promise<string[]>;
  /** Resolves with those homes that belong to no track, nor to a damaged record. */
  unownedHomes(homes: readonly string[]): Promise<string[]>;
  /**
   * Adds a track under `wantedName` or, when that is taken, under the first free of `name-2`, `name-3`, ... Once it resolves the
   * track is durable; of two calls at once each gets its own name. Where a track of the same bytes (`source.sha256`) exists, or
   * is being added by another call, resolves with that one and `created: false`; of equal bytes at once one track is made.
   *
   * @param options.holder of the upload: encoders take turns among holders.
   */
  add(
    wantedName: string,
    draft: TrackDraft,
    options?: { holder: string },
  ): Promise<{ track: Track; created: boolean }>;
  /**
   * Changes a track; durable once it resolves. Changes of one track happen one after the other. Resolves with undefined when the
   * track is gone. A `change` that throws changes nothing, and its error is thrown; one that returns the track it was given
   * writes nothing.
   */
  update(filename: string, change: (track: Track) => Track): Promise<Track | undefined>;
  /**
   * Removes a track. Once it resolves the track exists no more, also after a crash. When the track is gone and its name not yet
   * free for another, `beforeNameIsFree` removes what is stored in its home.
   */
  remove(filename: string, beforeNameIsFree: () => Promise<void>): Promise<void>;
  /** Resolves with the names of records that cannot be read. Whatever these own is left alone. */
  damaged(): Promise<string[]>;
  assertWritable(): Promise<void>;
}
