/** The encoder's promises and needs. `create-encoder.ts` makes one. */
import type { Logger } from 'pino';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import type { SegmentId } from '../presentation/segment-name.ts';
import type { Room, Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';
import type { run } from './encode-range.ts';
import type { WaitOutcome } from './segment-waiters.ts';
import type { SelfTest } from './self-test.ts';

/** Processing came to no end: the track was deleted, or the server stops and goes on with it at its next start. */
export type Interruption = 'deleted' | 'stopped';

/** Progress of a track while it is processed; its record has none of it. */
export interface EncodingProgress {
  /** 0 to 1 */
  progress: number;
  storedBytes: number;
  /** The first segment of every rendition is stored. */
  isPlayable: boolean;
  /** Encoded spans of the main rendition, in seconds of presentation time: these can be listened to at once. */
  encoded: [start: number, end: number][];
}

/** A segment of a rendition, whatever key its name has. */
export type SegmentPlace = Pick<SegmentId, 'renditionId' | 'index'>;

export interface StartOptions {
  holder?: string;
  /** Must not reject. */
  before?(): Promise<void>;
}

export interface Encoder {
  /**
   * Takes up a track whose status is `processing`. Does nothing when it is taken up already.
   *
   * @param options.holder shares out turns: the client that has uploaded the track, as far as it is known.
   * @param options.before runs before anything that is stored of the track is looked at; a deletion waits for its end.
   */
  start(track: Track, options?: StartOptions): void;
  /**
   * Removes a stored segment that is not whole, and encodes it again. Resolves with `under way` when the encoder knows already
   * that the segment is missing, and with `impossible` for a track that is gone, has failed, or has no original.
   */
  repair(track: Track, segmentName: string): Promise<'started' | 'under way' | 'impossible'>;
  /** Resolves with the record of the track when it can be played, or when there is an outcome: see `whenSettled`. */
  whenPlayable(filename: string): Promise<Track | Interruption>;
  /**
   * Resolves with the record of the track when it is processed no more, or with why there is no outcome. `stopped` also
   * means that the track waits for the machine to recover.
   *
   * @param options.signal of a client that waits: the main rendition yields to nothing meanwhile. Rejects with its reason.
   */
  whenSettled(filename: string, options?: { signal: AbortSignal }): Promise<Track | Interruption>;
  /**
   * Resolves when a segment is stored, or will never be; at once for a track that is not processed. Rejects with the
   * signal's reason.
   *
   * @param options.holder shares out turns: the client's address block.
   */
  whenStored(
    filename: string,
    segment: SegmentPlace,
    options: { signal: AbortSignal; holder: string },
  ): Promise<WaitOutcome>;
  /** Ends the processing of a track. Once it resolves nothing of the track runs and nothing more is written. */
  cancel(filename: string): Promise<void>;
  /** Ends the processing of a track here: another node goes on with it. Its waiters get `stopped`. */
  release(filename: string): Promise<void>;
  /** Resolves when `progressOf` tells what other nodes have told of the track so far; at once where there are none. */
  readProgress(filename: string): Promise<void>;
  /** Returns undefined for a track that is not processed. */
  progressOf(filename: string): EncodingProgress | undefined;
  /** True while its runs take all processors that they may take, or a track is not playable yet. */
  readonly isBusy: boolean;
  /** Number of tracks that are processed or wait for it. */
  readonly waiting: number;
  /** Room on the disk that their segments will still take. */
  readonly outstanding: Room;
  /** Ends the processing of all tracks; the next start of the server takes up what is unfinished. */
  close(): Promise<void>;
}

export interface EncoderOptions {
  library: Library;
  storage: Storage;
  trackEvents: TrackEvents;
  log: Logger;
  tools: Promise<Tools>;
  selfTest: SelfTest;
  governor: Governor;
  /** Encodes a range of a rendition; tests have one that needs no ffmpeg. */
  run: typeof run;
  /** Runs at the same time. */
  concurrency: number;
  keepOriginals: boolean;
  maxDurationSeconds: number;
}
