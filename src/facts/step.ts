/** What is done for the facts of a track, one step after the other: see `facts-job.ts`. */
import type { Logger } from 'pino';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import type { LiveWaveforms } from './live-waveforms.ts';

export interface FactsContext {
  library: Library;
  storage: Storage;
  tools: Tools;
  log: Logger;
  /** Aborted when the track is deleted, or the server stops: nothing is written after that. */
  signal: AbortSignal;
  /** Returns whether work that clients wait for needs the processors. A step that takes long rests meanwhile. */
  isBusy(): boolean;
  liveWaveforms: LiveWaveforms;
  keepOriginals: boolean;
}

/**
 * Finds facts of a track and stores them: in its record by `library.update`, leaving alone what `edited` names, and as sidecars.
 * Does nothing where that was done before.
 *
 * @throws the reason of the signal, or the error that kept it from its work.
 */
export type FactsStep = (track: Track, context: FactsContext) => Promise<void>;
