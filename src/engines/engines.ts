/** What a server keeps its tracks in, and encodes them with: one machine by default, or engines that many nodes share. */
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Encoder } from '../encoding/encoder.ts';
import type { PendingTracks } from '../facts/pending-tracks.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { TrackEvents } from '../tracks/track-events.ts';

/** What an encoder of this machine works on. */
export interface Workplace {
  library: Library;
  storage: Storage;
  trackEvents: TrackEvents;
}

/** Where facts of tracks are found. */
export interface FactsPlace {
  pending: PendingTracks;
  storage: Storage;
}

/** This server among others, for `/readyz`. */
export interface NodeState {
  name: string;
  role: Config['role'];
  /** Tracks that it encodes now. */
  leases: number;
}

export interface Engines {
  library: Library;
  storage: Storage;
  /** Names for people of the places that are written to. */
  places: { library: string; storage: string };
  /** Makes the encoder of this server; `make` makes the one of a single machine. */
  createEncoder(options: { trackEvents: TrackEvents; make(workplace: Workplace): Encoder }): Encoder;
  /** What this server finds facts in; undefined where it finds none. */
  facts: FactsPlace | undefined;
  /** Takes up unfinished work. Resolves when uploads can be accepted; rejects when the library is unreadable. */
  start(encoder: Encoder): Promise<void>;
  /** Returns undefined for a server on its own. */
  nodeState(): NodeState | undefined;
  close(): Promise<void>;
}

export interface EnginesOptions {
  config: Config;
  log: Logger;
  /** Resolves with the version of ffmpeg. */
  ffmpegVersion(): Promise<string>;
}
