/**
 * Fills the gaps: whatever a track's renditions lack is encoded, on at most `concurrency` workers, oldest track first.
 * What is stored is never encoded again, so taking up work after a crash and starting anew are the same thing.
 */
import type { Logger } from 'pino';
import type { Library } from '../library/library.ts';
import { EarlyEndError, OffGridError } from '../media/cutter.ts';
import { FfmpegError } from '../media/ffmpeg.ts';
import { gapsIn } from '../media/gaps.ts';
import { renditionKey } from '../media/ladder.ts';
import type { Tools } from '../media/launcher.ts';
import { renderMpd } from '../media/mpd.ts';
import { run } from '../media/run.ts';
import { initSegmentName, mediaSegmentName, parseSegmentName } from '../media/segment-name.ts';
import { PADDING_SAMPLES, timelineOf } from '../media/timeline.ts';
import type { Storage } from '../storage/storage.ts';
import { assertTransition } from '../tracks/status.ts';
import type { Rendition, Track } from '../tracks/track.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { peakBandwidth } from './peak-bandwidth.ts';
import { createWorkers } from './workers.ts';

/** What is known of a track beyond its record while it is processed. */
export interface LiveState {
  /** 0 to 1 */
  progress: number;
  storedBytes: number;
}

/** Processing came to no end: the track was deleted, or the server stops and goes on with it at its next start. */
export type Interruption = 'deleted' | 'stopped';

export interface Encoder {
  /** Takes up a track whose status is `processing`. Does nothing when it is taken up already. */
  start(track: Track): void;
  /** Resolves when the track is processed no more: with its record, or with why there is no outcome. */
  whenSettled(filename: string): Promise<Track | Interruption>;
  /** Stops processing a track; once it resolves nothing of it runs and nothing more is written. */
  cancel(filename: string): Promise<void>;
  live(filename: string): LiveState | undefined;
  /** Tracks that are processed or wait for it. */
  readonly waiting: number;
  /** Stops everything; what is unfinished is taken up at the next start. */
  close(): Promise<void>;
}

export interface EncoderOptions {
  library: Library;
  storage: Storage;
  log: Logger;
  tools: Tools;
  concurrency: number;
  keepOriginals: boolean;
}

interface Job {
  /** Aborted with the interruption as its reason. */
  controller: AbortController;
  settled: Promise<Track | Interruption>;
  live: LiveState;
}

/** This ffmpeg makes another init segment than the stored one: its segments do not go with those that are there. */
class InitChangedError extends Error {
  override readonly name = 'InitChangedError';
  readonly rendition: Rendition;

  constructor(rendition: Rendition) {
    super(`the init segment of ${rendition.id} would change`);
    this.rendition = rendition;
  }
}

export function createEncoder(options: EncoderOptions): Encoder {
  const { library, storage, log } = options;
  const jobs = new Map<string, Job>();
  const workers = createWorkers(options.concurrency);
  let closed = false;

  /** One track from whatever is stored to its end. */
  const processTrack = async (filename: string, job: Job): Promise<Track | Interruption> => {
    const { signal } = job.controller;
    try {
      for (;;) {
        const track = await library.get(filename);
        if (!track) return 'deleted';
        try {
          const coverages = await fillTrack(track, job);
          return await finish(track, coverages);
        } catch (error) {
          if (error instanceof EarlyEndError) await shorten(track, error);
          else if (error instanceof InitChangedError) await startAnew(track, error);
          else throw error;
        }
      }
    } catch (error) {
      if (signal.aborted) return signal.reason;
      return fail(filename, error);
    }
  };

  const fillTrack = async (track: Track, job: Job): Promise<Coverage[]> => {
    const segments = await storage.listSegments(track.filename);
    const coverages = track.renditions.map((rendition) => coverageOf(rendition, segments));
    const { segmentCount } = timelineOf(track);
    const onStored = () => {
      const stored = coverages.reduce((sum, coverage) => sum + coverage.stored.size, 0);
      job.live.progress = stored / (coverages.length * segmentCount);
      job.live.storedBytes = coverages.reduce((sum, coverage) => sum + coverage.bytes, 0);
    };
    onStored();
    // The first that fails ends the others, and no word is said of it before they have ended.
    const failed = new AbortController();
    const signal = AbortSignal.any([job.controller.signal, failed.signal]);
    const filling = track.renditions.map((rendition, at) =>
      fillRendition({ track, rendition, coverage: coverages[at] as Coverage, signal, onStored }),
    );
    await Promise.all(filling).catch((error: unknown) => failed.abort(error));
    await Promise.allSettled(filling);
    signal.throwIfAborted();
    return coverages;
  };

  const fillRendition = async (work: {
    track: Track;
    rendition: Rendition;
    coverage: Coverage;
    signal: AbortSignal;
    onStored: () => void;
  }) => {
    const { track, rendition, coverage, signal, onStored } = work;
    const { filename } = track;
    const [gap] = gapsIn(coverage.stored, timelineOf(track).segmentCount);
    if (!gap) return;
    await workers.use(signal, async () => {
      await run({
        track,
        rendition,
        executable: options.tools.ffmpeg,
        input: await storage.uploadPath(track.upload ?? ''),
        // One run from 0: nothing but time is lost where part of it is stored already.
        from: 0,
        until: timelineOf(track).segmentCount,
        signal,
        async onInit(bytes) {
          const name = initSegmentName(rendition);
          const stored = await storage.readSegment(filename, name);
          if (stored && !stored.equals(bytes)) throw new InitChangedError(rendition);
          if (!stored) await storage.putSegment(filename, name, bytes);
          coverage.add('init', bytes.length);
        },
        async onSegment(index, bytes) {
          // A published segment never changes.
          if (coverage.stored.has(index)) return;
          await storage.putSegment(filename, mediaSegmentName(rendition, index), bytes);
          coverage.add(index, bytes.length);
          onStored();
        },
      });
    });
  };

  const finish = async (track: Track, coverages: Coverage[]): Promise<Track | Interruption> => {
    const { filename } = track;
    await storage.syncSegments(filename);
    const timeline = timelineOf(track);
    const segmentBytes = coverages.reduce((sum, coverage) => sum + coverage.bytes, 0);
    const keeps = options.keepOriginals && track.upload !== null;
    const ready = await library.update(filename, (current) => {
      assertTransition(current.status, 'ready');
      return {
        ...current,
        status: 'ready',
        error: null,
        upload: keeps ? current.upload : null,
        storedBytes: segmentBytes + (keeps ? current.source.bytes : 0),
        renditions: current.renditions.map((rendition, at) => ({
          ...rendition,
          bandwidth: peakBandwidth(timeline, coverages[at] as Coverage),
        })),
      };
    });
    if (!ready) return 'deleted';
    await library.putManifest(filename, renderMpd(ready, `../../segments/${encodeURIComponent(filename)}/`));
    // After the record says so: a crash in between leaves an original that nobody owns, and that is swept.
    if (track.upload !== null && !keeps) await storage.removeUpload(track.upload);
    log.info({ filename, samples: ready.samples, bytes: ready.storedBytes }, 'track is ready');
    return ready;
  };

  /**
   * The source ended before the N that its packets declared: N is corrected, and the end encoded anew. What is stored
   * beyond it holds padding, and goes.
   */
  const shorten = async (track: Track, end: EarlyEndError) => {
    const samples = Math.max(1, end.samples - PADDING_SAMPLES);
    if (samples >= track.samples) throw end;
    log.warn({ filename: track.filename, declared: track.samples, samples }, 'the source ends early');
    const shorter = { ...track, samples };
    const { segmentCount } = timelineOf(shorter);
    for (const rendition of track.renditions) {
      for (let index = segmentCount - 1; index < timelineOf(track).segmentCount; index++) {
        await storage.removeSegment(track.filename, mediaSegmentName(rendition, index));
      }
    }
    await library.update(track.filename, (current) => ({ ...current, samples }));
  };

  /** Another ffmpeg than the one that began: the rung gets a new key, and with it new names for all its segments. */
  const startAnew = async (track: Track, change: InitChangedError) => {
    const { filename } = track;
    const key = renditionKey(change.rendition, {
      ...track,
      sha256: track.source.sha256,
      ffmpegVersion: options.tools.version,
    });
    if (key === change.rendition.key) throw change;
    log.warn({ filename, rendition: change.rendition.id }, 'ffmpeg has changed: the rendition starts anew');
    await library.update(filename, (current) => ({
      ...current,
      renditions: current.renditions.map((rendition) =>
        rendition.id === change.rendition.id ? { ...rendition, key } : rendition,
      ),
    }));
    for (const { name } of await storage.listSegments(filename)) {
      const id = parseSegmentName(name);
      if (id?.key === change.rendition.key) await storage.removeSegment(filename, name);
    }
  };

  const fail = async (filename: string, error: unknown): Promise<Track | Interruption> => {
    const details = error instanceof FfmpegError ? { command: error.command, stderr: error.stderr } : {};
    log.error({ filename, err: error, ...details }, 'processing failed');
    const failed = await library.update(filename, (current) => {
      assertTransition(current.status, 'failed');
      return { ...current, status: 'failed', error: describeFailure(error) };
    });
    return failed ?? 'deleted';
  };

  return {
    start(track) {
      const { filename } = track;
      if (closed || jobs.has(filename)) return;
      const job: Job = {
        controller: new AbortController(),
        settled: Promise.resolve('stopped'),
        live: { progress: 0, storedBytes: 0 },
      };
      jobs.set(filename, job);
      job.settled = processTrack(filename, job)
        .catch((error: unknown) => {
          log.error({ filename, err: error }, 'the outcome of processing could not be stored');
          return 'stopped' as const;
        })
        .finally(() => jobs.delete(filename));
    },
    async whenSettled(filename) {
      const job = jobs.get(filename);
      return job ? job.settled : ((await library.get(filename)) ?? 'deleted');
    },
    async cancel(filename) {
      const job = jobs.get(filename);
      job?.controller.abort('deleted' satisfies Interruption);
      await job?.settled;
    },
    live: (filename) => jobs.get(filename)?.live,
    get waiting() {
      return jobs.size;
    },
    async close() {
      closed = true;
      for (const job of jobs.values()) job.controller.abort('stopped' satisfies Interruption);
      await Promise.all([...jobs.values()].map((job) => job.settled));
    },
  };
}

/** What the client is told; paths and command lines are for the log. */
function describeFailure(error: unknown): { code: string; message: string } {
  if (error instanceof OffGridError || error instanceof InitChangedError) {
    return { code: 'off_grid', message: 'The encoder did not cut where it should have.' };
  }
  if (error instanceof FfmpegError)
    return { code: 'encoder_failed', message: 'The encoder failed on this file.' };
  return { code: 'internal', message: 'Something failed inside the server.' };
}
