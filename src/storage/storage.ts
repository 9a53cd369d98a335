/** Where bytes are: originals and segments. What is stored is whole; what is not whole is not there. */

/** What became of an upload's bytes. */
export interface ReceivedUpload {
  /** Name under which the original is kept; not a name that any client chose. */
  upload: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
}

/** A stored segment, by its name. */
export interface StoredSegment {
  name: string;
  bytes: number;
}

/** Room that is left. */
export interface Room {
  bytes: number;
  /** Files that can still be made (inodes); Infinity where the store has no such limit. */
  files: number;
}

export interface Storage {
  /**
   * Streams an original into place. When it resolves, all bytes and the name are durable; when it rejects, nothing is
   * left of it. Never holds more than a chunk in memory.
   */
  receive(stream: AsyncIterable<Buffer>): Promise<ReceivedUpload>;
  /** A path that ffmpeg can open. Throws when the original is not there. */
  uploadPath(upload: string): Promise<string>;
  /** What ffmpeg is to encode a track from: the original, or the copy of it that can be sought in. Throws as above. */
  sourcePath(track: { upload: string | null; hasSeekableCopy: boolean }): Promise<string>;
  /**
   * Makes a copy beside an original, by a tool that writes to the path it is given. When it rejects, nothing is left of
   * the copy.
   */
  makeSeekableCopy<T>(upload: string, write: (path: string) => Promise<T>): Promise<T>;
  removeSeekableCopy(upload: string): Promise<void>;
  /** Removes an original and its copy; what is not there is removed already. */
  removeUpload(upload: string): Promise<void>;
  listUploads(): Promise<string[]>;
  /** Originals that have a copy. */
  listSeekableCopies(): Promise<string[]>;

  /** Publishes a segment: it is there whole, or not at all. Its name is durable after `syncSegments`. */
  putSegment(filename: string, name: string, bytes: Buffer): Promise<void>;
  /** Makes the names of all segments published so far durable. */
  syncSegments(filename: string): Promise<void>;
  /** The bytes of a segment where they are in memory; always the same object as long as they are. */
  cachedSegment(filename: string, name: string): Buffer | undefined;
  /** The bytes of a segment, or undefined where there is none. */
  readSegment(filename: string, name: string): Promise<Buffer | undefined>;
  listSegments(filename: string): Promise<StoredSegment[]>;
  removeSegment(filename: string, name: string): Promise<void>;
  /** Removes all segments of a track. */
  removeSegments(filename: string): Promise<void>;
  /** Tracks that have a folder of segments. */
  listSegmentFolders(): Promise<string[]>;

  /** What can still be stored. */
  room(): Promise<Room>;
  /** Throws, saying what is wrong, when nothing can be stored. */
  assertWritable(): Promise<void>;
}
