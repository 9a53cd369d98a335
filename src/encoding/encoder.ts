/** What the encoder promises, and what it needs. `create-encoder.ts` makes one. */
import type { Logger } from 'pino';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import type { SegmentId } from '../presentation/segment-name.ts';
import type { Room, Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';
import type { run } from './encode-range.ts';
import type { Interruption, LiveState } from './job.ts';
import type { WaitOutcome } from './segment-waiters.ts';
import type { SelfTest } from './self-test.ts';

/** A segment of a rendition, whatever key its name has. */
export type SegmentPlace = Pick<SegmentId, 'renditionId' | 'index'>;

export interface Encoder {
  /**
   * Takes up a track whose status is `processing`. Does nothing when it is taken up already.
   *
   * @param holder among whom turns are shared out: the client that has uploaded the track, as far as that is known.
   */
  start(track: Track, holder?: string): void;
  /**
   * Removes a stored segment that is not whole, and encodes it anew. Resolves with `under way` where it is known already that
   * the segment is missing, and with `impossible` for a track that is gone, has failed, or has no original.
   */
  repair(filename: string, segmentName: string): Promise<'started' | 'under way' | 'impossible'>;
  /** Resolves when the track can be played, or will not come to it: with its record, or with why there is none. */
  whenPlayable(filename: string): Promise<Track | Interruption>;
  /**
   * Resolves when the track is processed no more: with its record, or with why there is no outcome.
   *
   * @param options.signal of a client that waits: the main rendition yields to nothing meanwhile. Rejects with its reason.
   */
  whenSettled(filename: string, options?: { signal: AbortSignal }): Promise<Track | Interruption>;
  /**
   * Resolves when a segment is stored, or will never be; at once for a track that is not processed. Rejects with the
   * signal's reason.
   *
   * @param options.holder among whom the encoder's turns are shared out: the client's address block.
   */
  whenStored(
    filename: string,
    segment: SegmentPlace,
    options: { signal: AbortSignal; holder: string },
  ): Promise<WaitOutcome>;
  /** Stops processing a track; once it resolves nothing of it runs and nothing more is written. */
  cancel(filename: string): Promise<void>;
  live(filename: string): LiveState | undefined;
  /** Tracks that are processed or wait for it. */
  readonly waiting: number;
  /** Room on the disk that their segments will still take. */
  readonly outstanding: Room;
  /** Stops everything; what is unfinished is taken up at the next start. */
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
  /** Encodes a stretch of a rendition; tests have one that needs no ffmpeg. */
  run: typeof run;
  concurrency: number;
  keepOriginals: boolean;
  maxDurationSeconds: number;
}
