/** What becomes of a track in the end: ready, failed, or set right and gone on with. */
import type { Logger } from 'pino';
import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import { renditionKey } from '../presentation/ladder.ts';
import { renderMpd } from '../presentation/mpd.ts';
import { parseSegmentName } from '../presentation/segment-name.ts';
import { FRAME_SAMPLES, PADDING_SAMPLES, timelineOf } from '../presentation/timeline.ts';
import { countSamples } from '../source/count-samples.ts';
import type { Decoding } from '../source/decoding.ts';
import { isTimelineTrue } from '../source/settled-length.ts';
import type { Storage } from '../storage/storage.ts';
import { assertTransition } from '../tracks/status.ts';
import type { Rendition, SourceCopy, Track } from '../tracks/track.ts';
import { createCopySource } from './copy-source.ts';
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
  const copySource = createCopySource(options);

  const decodingOf = async (track: Track, upload: string, signal: AbortSignal): Promise<Decoding> => ({
    ...{ executable: (await tools).ffmpeg, input: await storage.uploadPath(upload), signal },
    opening: track.copy?.opening ?? null,
    ...{ channels: track.channels, streamIndex: track.streamIndex, sampleRate: track.sampleRate },
    maxDurationSeconds,
  });
  const endCheck = createEndCheck({ ...options, decodingOf });

  const removeSegments = async (filename: string, keys: readonly string[]) => {
    for (const { name } of await storage.listSegments(filename)) {
      if (keys.includes(parseSegmentName(name)?.key ?? '')) await storage.removeSegment(filename, name);
    }
  };

  /**
   * N is corrected to where the source really ends, and the end encoded anew. What is stored there holds padding, or is cut
   * off, and goes.
   */
  const correctEnd = async ({ track }: Job, samples: number) => {
    const { filename, sampleRate } = track;
    log.warn({ filename, declared: track.samples, samples }, 'the source ends elsewhere than it declares');
    const { segmentCount } = timelineOf({ ...track, samples: Math.min(samples, track.samples) });
    for (const { name } of await storage.listSegments(filename)) {
      const index = parseSegmentName(name)?.index;
      if (typeof index === 'number' && index >= segmentCount - 1) await storage.removeSegment(filename, name);
    }
    const declaredSeconds =
      track.declaredSeconds ?? track.truncated?.declaredSeconds ?? track.samples / sampleRate;
    const seconds = samples / sampleRate;
    const truncated = declaredSeconds > seconds ? { declaredSeconds, seconds } : null;
    await library.update(filename, (current) => ({
      ...{ ...current, samples, truncated, declaredSeconds },
      isEndKnown: true,
    }));
  };

  /** Another ffmpeg than the one that began: the rung gets a new key, and with it new names for all its segments. */
  const startAnew = async (
    { track }: Job,
    { rendition: { id, key: oldKey } }: InitChangedError,
    key: string,
  ) => {
    const { filename } = track;
    log.warn({ filename, rendition: id }, 'ffmpeg has changed: the rendition starts anew');
    // Before the record tells of the new names: after a crash in between they are gaps, and not rubbish.
    await removeSegments(filename, [oldKey]);
    await library.update(filename, (current) => ({
      ...current,
      renditions: current.renditions.map((rendition) =>
        rendition.id === id ? { ...rendition, key } : rendition,
      ),
    }));
  };

  /** Decodes the source once, end to end, whatever its time stamps say, and encodes everything anew from that. */
  const encodeFromCopy = async ({ track, controller: { signal } }: Job, upload: string) => {
    const { version } = await tools;
    const { filename } = track;
    const copy = { opening: track.copy?.opening ?? null, hasTimeline: false };
    const samples = Math.max(1, await makeCopy(track, upload, copy, signal));
    const keys = track.renditions.map(({ key }) => key);
    await removeSegments(filename, keys);
    await library.update(filename, (current) => ({
      ...{ ...current, samples, copy, isEndKnown: true },
      truncated: null,
      hasSeekableCopy: true,
      renditions: current.renditions.map((rendition) => ({
        ...rendition,
        key: renditionKey(rendition, shapeOf(current, `${version}${FROM_COPY}`)),
      })),
    }));
  };

  const makeCopy = async (track: Track, upload: string, copy: SourceCopy, signal: AbortSignal) => {
    const decoding = { ...(await decodingOf(track, upload, signal)), opening: copy.opening };
    const declaredSeconds = track.samples / track.sampleRate;
    return copySource({ upload, bytes: track.source.bytes }, decoding, { ...copy, declaredSeconds });
  };

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
      const { upload, sampleRate, segmentFrames } = job.track;
      if (upload === null || !(await endCheck.goesOn(job))) return undefined;
      const decoding = await decodingOf(job.track, upload, job.controller.signal);
      const decoded = await countSamples(decoding, { hasTimeline: false });
      const samples = await countSamples(decoding, { hasTimeline: true });
      if (samples > maxDurationSeconds * sampleRate) return undefined;
      return isTimelineTrue({ samples, headers: [], decoded, slack: segmentFrames * FRAME_SAMPLES })
        ? () => correctEnd(job, samples)
        : () => encodeFromCopy(job, upload);
    },

    async prepared(track, signal) {
      const { filename, upload, copy, hasSeekableCopy } = track;
      if (copy === null || hasSeekableCopy || upload === null) return track;
      await makeCopy(track, upload, copy, signal);
      return (await library.update(filename, (current) => ({ ...current, hasSeekableCopy: true }))) ?? track;
    },
  };
}

/** Part of what shaped the encode, and so of the names of its segments. */
const FROM_COPY = ', from a copy';

function shapeOf(track: Track, ffmpegVersion: string) {
  return { ...track, sha256: track.source.sha256, ffmpegVersion };
}

/** For an ffmpeg of another version, or one replaced while the server ran: that has one more key, and no more. */
function nextKey(rendition: Rendition, track: Track, version: string): string | undefined {
  const chains = ['', FROM_COPY].map((source) =>
    [`${version}${source}`, `${version}${source}, replaced`].map((ffmpegVersion) =>
      renditionKey(rendition, shapeOf(track, ffmpegVersion)),
    ),
  );
  const chain = chains.find((keys) => keys.includes(rendition.key)) ?? chains[0];
  return chain?.[chain.indexOf(rendition.key) + 1];
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
