/** Stores the bytes of tracks: originals, segments and manifests. What is stored is whole; what is not whole is not stored. */

/** An original, once all of its bytes have come. */
export interface ReceivedUpload {
  /** Id of the original; not a name that any client chose. */
  upload: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
  /** Resolves when bytes and id are durable. Rejects as the disk does; the original has to be removed then. */
  durable: Promise<void>;
}

/** An original whose bytes still come. It is no upload yet: no list names it, and a crash leaves nothing of it. */
export interface ArrivingUpload {
  /** Id that the original gets. */
  readonly upload: string;
  /** Bytes that were written so far. */
  readonly bytes: number;
  /** Appends bytes. To be awaited before the next call. */
  write(bytes: Buffer): Promise<void>;
  /**
   * Reads the bytes from the first one on, behind the writer: waits for more where there are no more yet, ends when the upload
   * is finished, throws when it is discarded. Any number of readers, each at its own pace; each holds one chunk in memory.
   * Throws the signal's reason.
   */
  follow(options: { signal: AbortSignal }): AsyncIterable<Buffer>;
  /** Gives `use` the path of a local file with the bytes that have come; it may grow meanwhile. */
  usingArrived<T>(use: (path: string) => Promise<T>): Promise<T>;
  /** Makes an upload of it: readable at once, durable when `durable` resolves. */
  finish(): Promise<ReceivedUpload>;
  /** Removes it. Does nothing to an upload that is finished. */
  discard(): Promise<void>;
}

/** A stored segment, by its name. */
export interface StoredSegment {
  name: string;
  bytes: number;
}

/** Segments that belong to no track yet. A crash leaves nothing of them. */
export interface SegmentStage {
  /** Stores a segment under a name of the stage: whole, or not at all. */
  put(name: string, bytes: Buffer): Promise<void>;
  /**
   * Moves segments to a home, each under the name that `names` gives it; its own names are the keys. The others stay in the
   * stage. Adopted segments are whole; their names are durable after `syncSegments`.
   */
  adopt(home: string, names: ReadonlyMap<string, string>): Promise<void>;
  /** Removes what is left in the stage. */
  discard(): Promise<void>;
}

/** An original, or the copy that was left of one. */
export interface StoredUpload {
  upload: string;
  hasSeekableCopy: boolean;
  /** Resolves with the time of its last change, in milliseconds since 1970; undefined where it is gone. */
  changedAt(): Promise<number | undefined>;
}

/** The place of a track's segments. */
export interface StoredHome {
  home: string;
  /** As that of an upload. A listing does not tell it: on disk it takes a look at every folder. */
  changedAt(): Promise<number | undefined>;
}

/** Free room. */
export interface Room {
  bytes: number;
  /** Files that can still be made (inodes); Infinity where the store has no such limit. */
  files: number;
}

/** For files that may have to be fetched first. */
export interface UsingOptions {
  /** Ends the wait for the file, with its reason. `use` has to look at it by itself. */
  signal?: AbortSignal;
}

/** Addresses at which clients read segments from where they are stored, without this server. */
export interface SegmentAddresses {
  /** Origin of all of them (RFC 6454). */
  readonly origin: string;
  /**
   * Returns the address below which anybody reads the segments of a home by their names, as long as they are stored; with a slash
   * at its end. Undefined where every segment needs an address of its own.
   */
  folderOf(home: string): string | undefined;
  /**
   * Returns an address for GET of one segment, which can be used for a minute at least, and opens nothing else. Undefined where
   * there is none at the moment. Does not look whether the segment is stored.
   */
  of(home: string, name: string): string | undefined;
}

/** A track's `home` is the key of everything that is stored for it; see `tracks/track.ts`. */
export interface Storage {
  /** Begins to store an original. */
  beginUpload(): Promise<ArrivingUpload>;
  hasUpload(upload: string): Promise<boolean>;
  /**
   * Gives `use` the path of a local file with the original. The file stays until `use` has settled, unless the upload itself is
   * removed. Rejects when the original is not stored.
   */
  usingUpload<T>(upload: string, use: (path: string) => Promise<T>, options?: UsingOptions): Promise<T>;
  /** Gives `use` the file that a track is encoded from: its original, or the copy of it that can be sought in. As `usingUpload`. */
  usingSource<T>(
    track: { upload: string | null; hasSeekableCopy: boolean },
    use: (path: string) => Promise<T>,
    options?: UsingOptions,
  ): Promise<T>;
  /**
   * Makes a copy of an original, by a tool that writes to the path it is given. When it rejects, nothing is left of the copy.
   */
  makeSeekableCopy<T>(upload: string, write: (path: string) => Promise<T>): Promise<T>;
  removeSeekableCopy(upload: string): Promise<void>;
  /** Removes an original and its copy. Does nothing where there is none. */
  removeUpload(upload: string): Promise<void>;
  listUploads(): Promise<StoredUpload[]>;
  /**
   * Removes what is left of uploads that never finished, as a node leaves it that was killed; but not of those that began less than
   * `ageMs` ago, which may still arrive. Resolves with their number.
   */
  sweepUnfinished(options: { ageMs: number }): Promise<number>;

  /** Publishes a segment: it is there whole, or not at all. Its name is durable after `syncSegments`. */
  putSegment(home: string, name: string, bytes: Buffer): Promise<void>;
  /** Opens a place for segments whose track is not added yet. */
  stage(): Promise<SegmentStage>;
  /**
   * Makes the names of all segments published so far durable. Resolves with those of `names` that are not stored: something else
   * has removed them.
   */
  syncSegments(home: string, names: Iterable<string>): Promise<string[]>;
  /** Returns the bytes of a segment that is in memory; always the same object as long as it is. */
  cachedSegment(home: string, name: string): Buffer | undefined;
  /**
   * Resolves with the bytes of a segment, or with undefined where there is none. A segment that something else has cut is
   * given as it is stored; the cache in front (`cache.ts`) gives undefined for it.
   */
  readSegment(home: string, name: string): Promise<Buffer | undefined>;
  listSegments(home: string): Promise<StoredSegment[]>;
  /** Undefined where only this server gives clients their segments. */
  readonly addresses?: SegmentAddresses | undefined;
  removeSegment(home: string, name: string): Promise<void>;
  /**
   * Publishes the manifest for people and other servers; the service itself renders its own. That
   * of a track that is gone is not kept: it is not stored, or the next sweep removes it.
   *
   * @param render is given the address of the segments, relative to that of the manifest and with a slash at its end.
   */
  putManifest(home: string, render: (segmentBase: string) => string): Promise<void>;
  /**
   * Publishes a sidecar, a small file about a track: a cover, a waveform. It replaces one of the same name, and is durable once it
   * resolves. That of a track that is gone is not kept, as its manifest.
   */
  putSidecar(home: string, name: string, bytes: Buffer): Promise<void>;
  /** Resolves with undefined where there is no such sidecar. */
  readSidecar(home: string, name: string): Promise<Buffer | undefined>;
  listSidecars(home: string): Promise<string[]>;
  /** Does nothing where there is no such sidecar. */
  removeSidecar(home: string, name: string): Promise<void>;
  /** Removes all segments of a home, its manifest and its sidecars. */
  removeHome(home: string): Promise<void>;
  /** Lists the homes that have segments; or a manifest or sidecars apart from the record of their track. */
  listHomes(): Promise<StoredHome[]>;

  /** Resolves with the free room. */
  room(): Promise<Room>;
  /** Returns what segments take of that room: all or nothing of it, for they may be stored elsewhere. */
  takesRoom(segments: Room): Room;
  /** Throws, with what is wrong, when nothing can be stored. */
  assertWritable(): Promise<void>;
}
