/** The composition root: opens everything in order, closes it in reverse. The only file that imports an adapter. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import { lockDataDir } from './disk/lock.ts';
import { isWholeSegment } from './encoding/boxes.ts';
import { createEncoder } from './encoding/create-encoder.ts';
import { run } from './encoding/encode-range.ts';
import type { Encoder } from './encoding/encoder.ts';
import { createSelfTest, type SelfTest } from './encoding/self-test.ts';
import { StartupError } from './errors.ts';
import { missingCapability } from './ffmpeg/ffmpeg.ts';
import { prepareTools, type Tools, type ToolTimeouts } from './ffmpeg/launcher.ts';
import { createGovernor, type Governor } from './governor/governor.ts';
import { openDiskLibrary } from './library/disk.ts';
import type { Library } from './library/library.ts';
import { createIngest, type Ingest } from './pipeline/ingest.ts';
import { recover } from './pipeline/recover.ts';
import { createSegmentRepair, type SegmentRepair } from './pipeline/segment-repair.ts';
import { cacheSegments } from './storage/cache.ts';
import { openDiskStorage } from './storage/disk.ts';
import type { Storage } from './storage/storage.ts';
import { createTrackEvents, type TrackEvents } from './tracks/track-events.ts';

export interface Services {
  log: Logger;
  /** Nothing but encoding waits for it. Rejects with a StartupError when there is no ffmpeg that can do it. */
  tools: Promise<Tools>;
  selfTest: SelfTest;
  library: Library;
  storage: Storage;
  encoder: Encoder;
  trackEvents: TrackEvents;
  ingest: Ingest;
  segmentRepair: SegmentRepair;
  governor: Governor;
  /**
   * Resolves when the library is read and unfinished work is taken up again. Until then what is ready is served, and
   * uploads wait. Rejects when the library cannot be read.
   */
  started: Promise<void>;
  /** Stops probing and encoding; who waits for it is told at once. What is unfinished goes on at the next start. */
  stopWork(): Promise<void>;
  /** Stops work and lets go of the folder: another server may use it then. */
  close(): Promise<void>;
}

/**
 * Opens everything that serving takes. `tools` and `started` settle later.
 *
 * @param options.toolTimeouts for ffmpeg; tests shorten them.
 * @param options.tools that were found before. Tests start hundreds of servers and look for ffmpeg once.
 * @throws {StartupError} with a message for the operator: the folder is in use or not writable.
 */
export async function openServices(
  config: Config,
  log: Logger,
  options: { toolTimeouts?: ToolTimeouts; tools?: Tools | undefined } = {},
): Promise<Services> {
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    await mkdir(config.dataDir, { recursive: true }).catch((error: Error) => {
      throw new StartupError(`DATA_DIR ${config.dataDir} cannot be made: ${error.message}.`);
    });
    const lock = await lockDataDir(config.dataDir);
    closers.push(() => lock.release());

    const launchFolder = path.join(config.dataDir, '.launch');
    const tools = options.tools
      ? Promise.resolve(options.tools)
      : findTools(launchFolder, config, options.toolTimeouts);
    // Whoever waits for it meets the error.
    tools.catch(noop);
    closers.push(() => tools.then(noop, noop));
    const [storage, library] = await Promise.all([
      openDiskStorage(config.dataDir).then((disk) =>
        cacheSegments(disk, { maxBytes: config.segmentCacheBytes, isWhole: isWholeSegment }),
      ),
      openDiskLibrary(config.dataDir),
    ]);
    const selfTest = createSelfTest(tools, launchFolder);

    const { concurrency, keepOriginals, maxDurationSeconds, minFreeBytes } = config;
    const trackEvents = createTrackEvents();
    const governor = createGovernor({
      maxUploads: config.maxUploads,
      concurrency,
      disk: { room: () => storage.room(), minFreeBytes, demand: () => encoder.outstanding },
    });
    const encoder: Encoder = createEncoder({
      library,
      storage,
      trackEvents,
      log,
      tools,
      selfTest,
      governor,
      run,
      concurrency,
      keepOriginals,
      maxDurationSeconds,
    });
    const { audioLadder: ladder, segmentSeconds, maxWaiting } = config;
    const started = library.opened.then(() => recover({ library, storage, encoder, log }));
    started.catch(noop);
    const ingest = createIngest({
      started,
      library,
      storage,
      encoder,
      trackEvents,
      tools,
      selfTest,
      governor,
      log,
      ladder,
      segmentSeconds,
      maxDurationSeconds,
      maxWaiting,
    });
    const segmentRepair = createSegmentRepair({ library, storage, encoder, trackEvents, log });
    const stopWork = async () => {
      await Promise.all([ingest.close(), encoder.close()]);
    };
    closers.push(stopWork, () => started.catch(noop));

    return {
      log,
      tools,
      selfTest,
      library,
      storage,
      encoder,
      trackEvents,
      ingest,
      segmentRepair,
      governor,
      started,
      stopWork,
      close,
    };
  } catch (error) {
    await close();
    if (error instanceof Error && (error as NodeJS.ErrnoException).code === 'EACCES') {
      throw new StartupError(`DATA_DIR ${config.dataDir} is not writable: ${error.message}.`);
    }
    throw error;
  }
}

/** @throws {StartupError} when ffmpeg or ffprobe does not run, or cannot do what is asked of it. */
async function findTools(folder: string, config: Config, timeouts?: ToolTimeouts): Promise<Tools> {
  const lacking = missingCapability(config.ffmpegPath);
  // Where it does not even run, that is what is told.
  lacking.catch(noop);
  const tools = await prepareTools(folder, config, timeouts);
  const missing = await lacking;
  if (missing === null) return tools;
  throw new StartupError(`The ffmpeg at "${config.ffmpegPath}" (${tools.version}) lacks ${missing}.`);
}

function noop(): void {}
