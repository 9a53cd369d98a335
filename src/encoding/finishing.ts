/** Records the outcome of a track: ready or failed. */
import type { Logger } from 'pino';
import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import type { Library } from '../library/library.ts';
import { renderMpd } from '../presentation/mpd.ts';
import { initSegmentName, mediaSegmentName } from '../presentation/segment-name.ts';
import type { Storage } from '../storage/storage.ts';
import { assertTransition } from '../tracks/status.ts';
import type { Track } from '../tracks/track.ts';
import { measuredRendition } from './coverage.ts';
import { OffTimelineError } from './cutter.ts';
import type { Interruption } from './encoder.ts';
import { type Job, loseSegment } from './job.ts';
import { InitChangedError } from './runner.ts';

export interface FinishingOptions {
  library: Library;
  storage: Storage;
  log: Logger;
  keepOriginals: boolean;
}

export interface Finishing {
  /**
   * Records a track as ready once all its segments are stored, publishes its manifest, and removes its original where
   * originals are not kept and the track is analysed. The record stays as it is when a segment is missing: the job has to load again.
   */
  finish(job: Job): Promise<Track | Interruption>;
  /** Records a track as failed, with a reason for people; the details go to the log. */
  fail(job: Job, error: unknown): Promise<Track | Interruption>;
  /**
   * Makes a ready track one that is processed again. Resolves with undefined where that cannot be: the track is gone, has
   * failed, or has no original.
   */
  reopen(filename: string): Promise<Track | undefined>;
}

export function createFinishing({ library, storage, log, keepOriginals }: FinishingOptions): Finishing {
  return {
    async finish(job) {
      const { renditions: active, timeline } = job;
      const { filename, home, upload } = job.track;
      const missing = await storage.syncSegments(home, segmentNames(job));
      for (const name of missing) loseSegment(job, name);
      const segmentBytes = active.reduce((sum, { coverage }) => sum + coverage.bytes, 0);
      const renditions = active.map(({ rendition, coverage }) =>
        measuredRendition(rendition, timeline, coverage),
      );
      let keeps = false;
      const ready = await library.update(filename, (current) => {
        // A segment is missing, or was lost while the names were synced.
        if (job.lost.size > 0) return current;
        assertTransition(current.status, 'ready');
        // The analysis removes it: see `facts/settle.ts`.
        const isNeeded = keepOriginals || current.analysis?.status === 'pending';
        keeps = isNeeded && upload !== null;
        return {
          ...current,
          status: 'ready',
          error: null,
          upload: keeps ? current.upload : null,
          hasSeekableCopy: false,
          renditions,
          storedBytes: segmentBytes + (keeps ? current.source.bytes : 0),
        };
      });
      if (!ready) return 'deleted';
      if (ready.status !== 'ready') return ready;
      await storage.putManifest(home, (segmentBase) => renderMpd(ready, segmentBase));
      // After the record is stored: a crash in between leaves files that no track owns, and the next start sweeps these.
      const original = job.upload;
      if (original !== null)
        await (keeps ? storage.removeSeekableCopy(original) : storage.removeUpload(original));
      log.info({ filename, samples: ready.samples, bytes: ready.storedBytes }, 'track ready');
      return ready;
    },

    async fail({ track: { filename } }, error) {
      const details = error instanceof FfmpegError ? { command: error.command, stderr: error.stderr } : {};
      log.error({ filename, err: error, ...details }, 'processing failed');
      const failed = await library.update(filename, (current) => {
        assertTransition(current.status, 'failed');
        return { ...current, status: 'failed', error: describeFailure(error) };
      });
      return failed ?? 'deleted';
    },

    async reopen(filename) {
      const track = await library.update(filename, reopened);
      return track?.status === 'processing' ? track : undefined;
    },
  };
}

/** Returns a ready track as one that is processed again, if its original is there; any other track as it is. */
export function reopened(track: Track): Track {
  if (track.status !== 'ready' || track.upload === null) return track;
  assertTransition('ready', 'processing');
  return { ...track, status: 'processing' };
}

/** Yields the names of all segments of a track. */
function* segmentNames({ renditions, timeline }: Job): Generator<string> {
  for (const { rendition } of renditions) {
    yield initSegmentName(rendition);
    for (let index = 0; index < timeline.segmentCount; index++) yield mediaSegmentName(rendition, index);
  }
}

/** Returns the reason for clients: paths and command lines are for the log. */
function describeFailure(error: unknown): { code: string; message: string } {
  if (error instanceof OffTimelineError || error instanceof InitChangedError) {
    return {
      code: 'off_grid',
      message:
        'The encoder did not cut this file at the segment boundaries. Convert the file to FLAC or WAV and upload it again.',
    };
  }
  if (error instanceof FfmpegError)
    return {
      code: 'encoder_failed',
      message: 'The encoder failed on this file. The log of the server says why.',
    };
  return {
    code: 'internal',
    message: 'Processing failed inside the server. The log of the server says why.',
  };
}
