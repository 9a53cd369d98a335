/** The two sides of a move: the library that is copied, and the one that it is copied to. */
import type { Importing } from '../library/importing.ts';
import type { Storage, StoredSegment } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';

/** A stored sidecar, by its name. */
export interface StoredSidecar {
  name: string;
  bytes: number;
}

/** Stored files of tracks, to be read. An original, or its copy that can be sought in, goes by its name (`upload-name.ts`). */
export interface Files {
  listSegments(home: string): Promise<StoredSegment[]>;
  listSidecars(home: string): Promise<StoredSidecar[]>;
  /** Resolves with undefined where there is no such sidecar. */
  readSidecar(home: string, name: string): Promise<Buffer | undefined>;
  /** Resolves with undefined where there is no such segment. */
  readSegment(home: string, name: string): Promise<Buffer | undefined>;
  hasUpload(upload: string): Promise<boolean>;
  /** Resolves with the bytes of an original, or with undefined where there is none. */
  sizeOfOriginal(name: string): Promise<number | undefined>;
  /**
   * Hands out the bytes of an original. Resolves with false where there is none. Throws the signal's reason, and as `write` does.
   */
  readOriginal(
    name: string,
    write: (chunk: Buffer) => Promise<void>,
    options: { signal: AbortSignal },
  ): Promise<boolean>;
}

/** An original that is being stored: whole, or not at all. */
export interface Writing {
  /** To be awaited before the next call. The chunk may be used again afterwards. */
  write(chunk: Buffer): Promise<void>;
  /** Durable once it resolves. */
  finish(): Promise<void>;
  discard(): Promise<void>;
}

/** Stored files of tracks, to be added. */
export interface TargetFiles
  extends Files,
    Pick<Storage, 'putSegment' | 'syncSegments' | 'putManifest' | 'putSidecar'> {
  writeOriginal(name: string): Promise<Writing>;
}

/** Tracks that were read together. */
export interface Group {
  tracks: Track[];
  /** Names of records that cannot be read. */
  damaged: string[];
}

/** A library that is copied. Nothing of it is changed, and others may change it meanwhile. */
export interface Source {
  /** For people. */
  name: string;
  files: Files;
  /** Resolves with the number of tracks and with the bytes that are stored of them, both about. */
  size(): Promise<{ tracks: number; bytes: number }>;
  /** Yields all tracks. What comes or goes meanwhile may be missing. */
  groups(): AsyncIterable<Group>;
  /** Reads a record anew. Resolves with undefined where there is none, or none that can be read. */
  get(filename: string): Promise<Track | undefined>;
  /** Resolves with true if a server may be encoding a track that is not settled. */
  isEncoding(filename: string): Promise<boolean>;
  close(): Promise<void>;
}

/** A library that tracks are copied to. Nothing is removed from it. */
export interface Target {
  /** For people. */
  name: string;
  files: TargetFiles;
  importing: Importing;
  /** Returns the home that a new track gets. Always the same for one track: a second run goes on with what is stored there. */
  newHome(track: Track): string;
  close(): Promise<void>;
}
