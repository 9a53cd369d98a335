/** What becomes of a track in the end: ready, failed, or set right and gone on with. */
import type { Logger } from 'pino';
import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import { renderMpd } from '../presentation/mpd.ts';
import { FRAME_SAMPLES, PADDING_SAMPLES } from '../presentation/timeline.ts';
import { countSamples } from '../source/count-samples.ts';
import { isTimelineTrue } from '../source/settled-length.ts';
import type { Storage } from '../storage/storage.ts';
import { assertTransition } from '../tracks/status.ts';
import type { Track } from '../tracks/track.ts';
import { createCorrections, nextKey } from './corrections.ts';
import { measuredRendition } from './coverage.ts';
import { EarlyEndError, OffTimelineError } from './cutter.ts';
import { createEndCheck } from './end-check.ts';
import type { Interruption, Job, LiveRung } from './job.ts';
import { InitChangedError } from './runner.ts';
import type { SelfTest } from './self-test.ts';

export interface OutcomesOptions {
  library: Library;
  storage: Storage;
  log: Logger;
  tools: Promise<Tools>;
  selfTest: SelfTest;
  governor: Governor;
  keepOriginals: boolean;
  maxDurationSeconds: number;
}

export interface Outcomes {
  /**
   * All segments are stored: the record says so, and the original goes where it is not to be kept. Where a segment was lost
   * meanwhile the record stays as it is.
   */
  finish(job: Job): Promise<Track | Interruption>;
  fail(job: Job, error: unknown): Promise<Track | Interruption>;
  /** The record as it is to be encoded from: the copy that it needs is made anew where it is gone. */
  prepared(track: Track, signal: AbortSignal): Promise<Track>;
  /** Begins to look whether the source goes on after N, beside its encode. */
  lookPastEnd(job: Job): void;
  /** What encodes the rest of a source that goes on after N; undefined where it does not. */
  lateEnd(job: Job): Promise<(() => Promise<void>) | undefined>;
  /** What sets right what a run stumbled over; undefined where nothing can. To be called when nothing runs. */
  correction(job: Job, rung: LiveRung, error: unknown): Promise<(() => Promise<void>) | undefined>;
}

export function createOutcomes(options: OutcomesOptions): Outcomes {
  const { library, storage, log, tools, keepOriginals, maxDurationSeconds } = options;
  const corrections = createCorrections(options);
  const { decodingOf, correctEnd, startAnew, encodeFromCopy } = corrections;
  const endCheck = createEndCheck({ ...options, decodingOf });

  return {
    async finish(job) {
      const { rungs, timeline } = job;
      const { filename, upload } = job.track;
      await storage.syncSegments(filename);
      const segmentBytes = rungs.reduce((sum, { coverage }) => sum + coverage.bytes, 0);
      const renditions = rungs.map(({ rendition, coverage }) =>
        measuredRendition(rendition, timeline, coverage),
      );
      const keeps = keepOriginals && upload !== null;
      const ready = await library.update(filename, (current) => {
        // A segment was lost while the names were synced.
        if (job.lost.size > 0) return current;
        assertTransition(current.status, 'ready');
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
      await library.putManifest(
        filename,
        renderMpd(ready, `../../segments/${encodeURIComponent(filename)}/`),
      );
      // After the record says so: a crash in between leaves files that nobody owns, and those are swept.
      if (upload !== null) await (keeps ? storage.removeSeekableCopy(upload) : storage.removeUpload(upload));
      log.info({ filename, samples: ready.samples, bytes: ready.storedBytes }, 'track is ready');
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

    async correction(job, rung, error) {
      if (error instanceof EarlyEndError) {
        // The filter has put silence behind the end, and that is no part of the source.
        const samples = error.samples - PADDING_SAMPLES;
        if (error.isKnown && samples < job.track.samples) return () => correctEnd(job, samples);
        if (rung.isSequential) return undefined;
        // The others have the same source.
        return async () => {
          for (const each of job.rungs) each.isSequential = true;
        };
      }
      if (error instanceof InitChangedError) {
        const key = nextKey(error.rendition, job.track, (await tools).version);
        return key === undefined ? undefined : () => startAnew(job, error, key);
      }
      const { upload, hasSeekableCopy } = job.track;
      if (error instanceof OffTimelineError && upload !== null && !hasSeekableCopy) {
        return async () => {
          // A source whose sample rate changes midway leaves the grid; so does everything where ffmpeg does not work.
          if ((await options.selfTest.fault()) !== null) throw error;
          log.warn(
            { filename: job.track.filename, err: error },
            'decoding the source first: it leaves the grid',
          );
          await encodeFromCopy(job, upload);
        };
      }
      return undefined;
    },

    lookPastEnd: endCheck.start,

    async lateEnd(job) {
      const { filename, upload, sampleRate, segmentFrames } = job.track;
      if (upload === null || !(await endCheck.goesOn(job))) return undefined;
      try {
        const decoding = await decodingOf(job.track, upload, job.controller.signal);
        const decoded = await countSamples(decoding, { hasTimeline: false });
        const samples = await countSamples(decoding, { hasTimeline: true });
        if (samples > maxDurationSeconds * sampleRate) return undefined;
        return isTimelineTrue({ samples, headers: [], decoded, slack: segmentFrames * FRAME_SAMPLES })
          ? () => correctEnd(job, samples)
          : () => encodeFromCopy(job, upload);
      } catch (error) {
        if (!(error instanceof FfmpegError)) throw error;
        log.warn({ filename, err: error }, 'the source goes on after its end, but could not be counted');
        return undefined;
      }
    },

    prepared: corrections.prepared,
  };
}

/** What the client is told; paths and command lines are for the log. */
function describeFailure(error: unknown): { code: string; message: string } {
  if (error instanceof OffTimelineError || error instanceof InitChangedError) {
    return { code: 'off_grid', message: 'The encoder did not cut where it should have.' };
  }
  if (error instanceof FfmpegError)
    return { code: 'encoder_failed', message: 'The encoder failed on this file.' };
  return { code: 'internal', message: 'Something failed inside the server.' };
}
