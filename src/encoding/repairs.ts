/** Chooses what sets a track right whose source or encode is not as its record says. `corrections.ts` carries it out. */
import type { Logger } from 'pino';
import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import { FRAME_SAMPLES, PADDING_SAMPLES } from '../presentation/timeline.ts';
import { countSamples } from '../source/count-samples.ts';
import { isTimelineTrue } from '../source/settled-length.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import { createCorrections, nextKey } from './corrections.ts';
import { EarlyEndError, OffTimelineError } from './cutter.ts';
import { createEndCheck } from './end-check.ts';
import type { ActiveRendition, Job } from './job.ts';
import { InitChangedError } from './runner.ts';
import type { SelfTest } from './self-test.ts';

export interface RepairsOptions {
  library: Library;
  storage: Storage;
  log: Logger;
  tools: Promise<Tools>;
  selfTest: SelfTest;
  governor: Governor;
  maxDurationSeconds: number;
}

/** To be called when nothing of the track runs; what is stored has to be loaded again after it. */
export type Repair = () => Promise<void>;

export interface Repairs {
  /** Resolves with the record to encode from: the copy that it needs is made again where it is gone. */
  prepared(track: Track, signal: AbortSignal): Promise<Track>;
  /** Begins to look whether the source goes on after N, beside its encode. */
  lookPastEnd(job: Job): void;
  /** Resolves with what encodes the rest of a source that goes on after N, or with undefined where it does not go on. */
  ofEnd(job: Job): Promise<Repair | undefined>;
  /** Resolves with what sets right the cause of a failed run, or with undefined where nothing can. */
  ofRun(job: Job, active: ActiveRendition, error: unknown): Promise<Repair | undefined>;
}

export function createRepairs(options: RepairsOptions): Repairs {
  const { log, tools, maxDurationSeconds } = options;
  const { prepared, withDecoding, correctEnd, startAnew, encodeFromCopy } = createCorrections(options);
  const endCheck = createEndCheck({ ...options, withDecoding });

  return {
    prepared,
    lookPastEnd: endCheck.start,

    async ofEnd(job) {
      const { filename, upload, sampleRate, segmentFrames } = job.track;
      if (upload === null || !(await endCheck.goesOn(job))) return undefined;
      try {
        const original = { track: job.track, upload, signal: job.controller.signal };
        const [decoded, samples] = await withDecoding(original, async (decoding) => [
          await countSamples(decoding, { hasTimeline: false }),
          await countSamples(decoding, { hasTimeline: true }),
        ]);
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

    async ofRun(job, active, error) {
      if (error instanceof EarlyEndError) return earlyEnd(job, active, error);
      if (error instanceof InitChangedError) {
        const key = nextKey(error.rendition, job.track, (await tools).version);
        return key === undefined ? undefined : () => startAnew(job, error, key);
      }
      return error instanceof OffTimelineError ? offTimeline(job, error) : undefined;
    },
  };

  function earlyEnd(job: Job, active: ActiveRendition, error: EarlyEndError): Repair | undefined {
    // The filter has put silence behind the end, and that is no part of the source.
    const samples = error.samples - PADDING_SAMPLES;
    if (error.isKnown && samples < job.track.samples) return () => correctEnd(job, samples);
    if (active.isSequential) return undefined;
    return async () => {
      // All renditions have the same source.
      for (const each of job.renditions) each.isSequential = true;
    };
  }

  function offTimeline(job: Job, error: OffTimelineError): Repair | undefined {
    const { filename, upload, hasSeekableCopy } = job.track;
    if (upload === null || hasSeekableCopy) return undefined;
    return async () => {
      // A source whose sample rate changes midway leaves the timeline; so does every source where ffmpeg does not work.
      if ((await options.selfTest.fault()) !== null) throw error;
      log.warn({ filename, err: error }, 'decoding the source first: it leaves the timeline');
      await encodeFromCopy(job, upload);
    };
  }
}
