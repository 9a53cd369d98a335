/** The early encode of one upload, from its first bytes until its track adopts the segments. */
import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import type { RangeRequest } from '../encoding/encode-range.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Lease } from '../governor/budget.ts';
import type { Governor } from '../governor/governor.ts';
import { type LadderEntry, ladderFor, renditionId } from '../presentation/ladder.ts';
import { framesPerSegment, PADDING_SAMPLES } from '../presentation/timeline.ts';
import { type Beginning, isOnePiece, type Proven } from '../source/beginning.ts';
import type { ProbedFile } from '../source/ffprobe.ts';
import type { ArrivingUpload, Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import { createArrival } from './arrival.ts';
import { encodeArriving } from './early-run.ts';
import { createStagedSegments, type StagedSegments } from './staged-segments.ts';

export interface EarlyEncode {
  /** Notes that bytes have come. */
  arrived(bytes: number): void;
  /** Notes that all bytes have come. */
  whole(): void;
  /** Returns what decoding has shown of the source; undefined where nothing was decoded. */
  proven(): Proven | undefined;
  /** Ends the runs, and gives their segments to the track if it is the source that was encoded. Never rejects. */
  adopt(track: Track): Promise<void>;
  /** Ends the runs and removes their segments; also those that `adopt` has left. Never rejects. */
  drop(): Promise<void>;
}

export interface EarlyEncodeOptions {
  storage: Storage;
  governor: Governor;
  tools: Promise<Tools>;
  log: Logger;
  /** Resolves with what an incomplete file seems to be, or with null where that is not sure. */
  examine(file: ProbedFile): Promise<Beginning | null>;
  /** Encodes a range; tests have one that needs no ffmpeg. */
  run(request: RangeRequest): Promise<void>;
  /** Returns whether accepted work needs the processors. */
  isBusy(): boolean;
  ladder: readonly LadderEntry[];
  segmentSeconds: number;
  maxDurationSeconds: number;
  /** Called when nothing of it is left to do. */
  onEnd(): void;
}

/** Bytes after which the beginning is examined: a picture in front of the sound often has some hundred kilobytes. */
const LOOKS_AFTER_BYTES = [64 * 1024, 512 * 1024, 4 * 1024 ** 2];
const WATCH_EVERY_MS = 1000;

export function createEarlyEncode(
  arriving: ArrivingUpload,
  holder: string,
  options: EarlyEncodeOptions,
): EarlyEncode {
  const { storage, governor, log, ladder, segmentSeconds, maxDurationSeconds } = options;
  const arrival = createArrival();
  const controller = new AbortController();
  const { signal } = controller;
  // Each of its runs listens to it.
  setMaxListeners(0, signal);
  let isWhole = false;
  let hasFailed = false;
  /** Index of the next look among those after so many bytes. */
  let nextLook = 0;
  let beginning: Beginning | null = null;
  let staged: StagedSegments | undefined;
  /** True once a segment was made. */
  let hasDecoded = false;
  /** Samples of the source by each run that has come to its end. */
  const ends: number[] = [];
  /** Settles when no process is left. */
  let work: Promise<void> | undefined;
  let cleaning: Promise<void> | undefined;

  const stop = (reason: string) => controller.abort(new Error(reason));
  /** Stops it for good. An early encode that was stopped before has not failed: its segments are right. */
  const fail = (error: unknown) => {
    if (signal.aborted) return;
    hasFailed = true;
    controller.abort(error);
  };
  const discard = async () =>
    staged?.discard().catch((error: unknown) => log.warn({ err: error }, 'removing a stage failed'));

  const look = async (): Promise<Beginning | null> => {
    const executables = await options.tools;
    return arriving.usingArrived((input) =>
      options.examine({ executables, input, signal, maxDurationSeconds }),
    );
  };

  const encode = async (source: Beginning, into: StagedSegments): Promise<void> => {
    const { background } = await options.tools;
    const { sampleRate, channels, streamIndex } = source;
    const segmentFrames = framesPerSegment(segmentSeconds, sampleRate);
    // An unknown bit rate is taken for a high one: a run too many costs nothing but what is left over.
    const bitRate = source.bitRate ?? Number.POSITIVE_INFINITY;
    const entries = ladderFor(ladder, { codec: source.codec, bitRate }, source);
    const runs = entries.map(async (entry) => {
      const id = renditionId(entry);
      const samples = await encodeArriving({
        arriving,
        track: { sampleRate, channels, streamIndex, segmentFrames, hasSeekableCopy: false },
        maxDurationSeconds,
        rendition: entry,
        executable: background[0],
        run: options.run,
        isBusy: options.isBusy,
        signal,
        onInit: (bytes) => into.put(id, 'init', bytes),
        async onSegment(index, bytes) {
          // Room that is promised to others is not taken.
          if ((await governor.disk.availableBytes()) < bytes.length)
            throw new Error('there is too little room');
          await into.put(id, index, bytes);
          hasDecoded = true;
        },
      });
      ends.push(samples);
    });
    for (const each of runs) each.catch(fail);
    const ended = await Promise.allSettled(runs);
    for (const end of ended) if (end.status === 'rejected') throw end.reason;
  };

  const begin = async (lease: Lease): Promise<void> => {
    const watch = setInterval(() => {
      if (!isWhole && arrival.isTooSlow()) stop('the upload hardly arrives');
    }, WATCH_EVERY_MS);
    watch.unref();
    try {
      beginning = await look();
      if (!beginning) return;
      staged = createStagedSegments(await storage.stage());
      await encode(beginning, staged);
    } catch (error) {
      fail(error);
      log.debug({ upload: arriving.upload, err: signal.reason }, 'early encode ended');
      // Its segments are of no use, and take room.
      if (hasFailed) await discard();
    } finally {
      clearInterval(watch);
      lease.release();
    }
  };

  const arrived = (bytes: number) => {
    arrival.add(bytes);
    const isDue = arrival.bytes >= (LOOKS_AFTER_BYTES[nextLook] ?? Number.POSITIVE_INFINITY);
    if (work || beginning || signal.aborted || !isDue || !arrival.isWorthIt() || options.isBusy()) return;
    const lease = governor.earlyEncodes.tryTake(holder);
    if (!lease) return;
    // An upload that had to wait for its place has passed several.
    nextLook = LOOKS_AFTER_BYTES.filter((after) => after <= arrival.bytes).length;
    work = begin(lease).then(() => {
      work = undefined;
    });
  };

  /** Returns whether a track is the source that was encoded, as far as that source has shown itself. */
  const isOf = (track: Track): boolean => {
    if (!beginning || track.copy !== null || track.hasSeekableCopy) return false;
    const isSameStream =
      track.streamIndex === beginning.streamIndex &&
      track.sampleRate === beginning.sampleRate &&
      track.channels === beginning.channels &&
      track.segmentFrames === framesPerSegment(segmentSeconds, beginning.sampleRate);
    const isWholeSource = beginning.dataBytes === null || isOnePiece(beginning.dataBytes, track);
    return (
      isSameStream &&
      isWholeSource &&
      ends.every((samples) => Math.abs(samples - track.samples) <= PADDING_SAMPLES)
    );
  };

  const clean = () => {
    cleaning ??= (async () => {
      stop('the upload has ended');
      await work;
      await discard();
      options.onEnd();
    })();
    return cleaning;
  };

  return {
    arrived,
    whole() {
      isWhole = true;
    },
    proven: () => (beginning && hasDecoded ? { beginning, endSamples: ends[0] ?? null } : undefined),
    async adopt(track) {
      stop('the upload has ended');
      try {
        if (staged && !hasFailed && isOf(track)) {
          const segments = await staged.adopt(track);
          log.debug({ filename: track.filename, segments }, 'early segments adopted');
        }
      } catch (error) {
        log.warn({ filename: track.filename, err: error }, 'adopting early segments failed');
      }
      // Its processes need a moment to end; the track does not wait for that.
      void clean();
    },
    drop: clean,
  };
}
