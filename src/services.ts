/** The composition root: opens everything in order, closes it in reverse. */
import path from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import { createEarlyEncoder } from './early/early-encoder.ts';
import { createSpareTime } from './early/spare-time.ts';
import { createEncoder } from './encoding/create-encoder.ts';
import { run } from './encoding/encode-range.ts';
import type { Encoder } from './encoding/encoder.ts';
import { createSelfTest, type SelfTest } from './encoding/self-test.ts';
import { openDiskEngines } from './engines/disk.ts';
import type { Engines, EnginesOptions } from './engines/engines.ts';
import { StartupError } from './errors.ts';
import { analyse } from './facts/analyse.ts';
import { createFactsJob, type FactsJob } from './facts/facts-job.ts';
import { createLiveWaveforms, type LiveWaveforms } from './facts/live-waveforms.ts';
import { makeCover } from './facts/make-cover.ts';
import { readTags } from './facts/read-tags.ts';
import { missingCapability, missingForCovers } from './ffmpeg/ffmpeg.ts';
import { prepareTools, type Tools, type ToolTimeouts } from './ffmpeg/launcher.ts';
import { createGovernor, type Governor } from './governor/governor.ts';
import type { Library } from './library/library.ts';
import { createIngest, type Ingest } from './pipeline/ingest.ts';
import { createSegmentRepair, type SegmentRepair } from './pipeline/segment-repair.ts';
import { examineBeginning } from './source/beginning.ts';
import type { Storage } from './storage/storage.ts';
import { createTrackEvents, type TrackEvents } from './tracks/track-events.ts';

export interface Services {
  log: Logger;
  /** Resolves with the tools, for which only encoding waits. Rejects with a StartupError when ffmpeg is missing or unfit. */
  tools: Promise<Tools>;
  selfTest: SelfTest;
  library: Library;
  storage: Storage;
  encoder: Encoder;
  trackEvents: TrackEvents;
  ingest: Ingest;
  segmentRepair: SegmentRepair;
  /** Finds tags, covers, loudness, waveforms and pauses in the background. */
  facts: Pick<FactsJob, 'cancel' | 'release'>;
  /** True if tracks are analysed, here or by another node. */
  analyses: boolean;
  /** Waveforms that are being made on this server. */
  liveWaveforms: LiveWaveforms;
  governor: Governor;
  /** Where records and files are, and which node of a cluster this is. */
  engines: Pick<Engines, 'places' | 'nodeState'>;
  /**
   * Resolves when the library is read and unfinished work has started again. Until then ready tracks are served, and uploads
   * wait. Rejects when the library is unreadable.
   */
  started: Promise<void>;
  /** Stops probing and encoding; waiting requests get their response at once. Unfinished work goes on at the next start. */
  stopWork(): Promise<void>;
  /** Stops work and unlocks the folder, so that another server can use it. */
  close(): Promise<void>;
}

/**
 * Opens everything that serving needs. Resolves before `tools` and `started`, which go on in the background.
 *
 * @param options.toolTimeouts for ffmpeg; tests shorten them.
 * @param options.tools that were found before. Tests start hundreds of servers and look for ffmpeg once.
 * @throws {StartupError} with a message for the operator, when `DATA_DIR` or an engine cannot be used.
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
    const engines = await openEngines({ config, log, ffmpegVersion: async () => (await tools).version });
    const { storage, library } = engines;
    closers.push(() => engines.close());

    const launchFolder = path.join(config.dataDir, '.launch');
    const tools = options.tools
      ? Promise.resolve(options.tools)
      : findTools(launchFolder, config, { log, timeouts: options.toolTimeouts });
    // Callers that await the tools get the error.
    tools.catch(noop);
    closers.push(() => tools.then(noop, noop));
    const selfTest = createSelfTest(tools, launchFolder);

    const { concurrency, keepOriginals, maxDurationSeconds, minFreeBytes } = config;
    const trackEvents = createTrackEvents();
    const governor = createGovernor({
      maxUploads: config.maxUploads,
      concurrency,
      earlyUploads: config.earlyUploads,
      disk: {
        room: () => storage.room(),
        minFreeBytes,
        demand: () => storage.takesRoom(encoder.outstanding),
      },
    });
    const encoder: Encoder = engines.createEncoder({
      trackEvents,
      make: (workplace) =>
        createEncoder({
          ...workplace,
          log,
          tools,
          selfTest,
          governor,
          run,
          concurrency,
          keepOriginals,
          maxDurationSeconds,
        }),
    });
    const { audioLadder: ladder, segmentSeconds, maxWaiting } = config;
    const started = engines.start(encoder);
    started.catch(noop);
    const earlyEncoder = createEarlyEncoder({
      isEnabled: config.earlyEncoding && config.role !== 'api',
      storage,
      governor,
      tools,
      log,
      examine: examineBeginning,
      run,
      isBusy: createSpareTime({ isAtWork: () => encoder.isBusy || governor.probes.inUse > 0 }),
      ladder,
      segmentSeconds,
      maxDurationSeconds,
    });
    const ingest = createIngest({
      earlyEncoder,
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
      analyses: config.analysis,
      maxWaiting,
    });
    const segmentRepair = createSegmentRepair({ library, storage, encoder, trackEvents, log });
    const liveWaveforms = createLiveWaveforms();
    const { earlyEncodes, probes } = governor;
    const place = config.analysis ? engines.facts : undefined;
    const facts =
      place &&
      createFactsJob({
        ...place,
        ...{ library, trackEvents, tools, selfTest, log, liveWaveforms, keepOriginals, analyse },
        steps: [readTags, makeCover],
        isBusy: createSpareTime({
          isAtWork: () => encoder.isBusy || probes.inUse > 0 || earlyEncodes.inUse > 0,
        }),
      });
    started.then(() => facts?.start(), noop);
    const stopWork = async () => {
      await Promise.all([ingest.close(), encoder.close(), facts?.close()]);
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
      facts: facts ?? { cancel: async () => {}, release() {} },
      analyses: config.analysis,
      liveWaveforms,
      governor,
      engines,
      started,
      stopWork,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens the folders of this machine, or what many nodes share. */
async function openEngines(options: EnginesOptions): Promise<Engines> {
  const { shared } = options.config;
  if (shared === null) return openDiskEngines(options);
  // A server on its own does without the clients of PostgreSQL and S3: 0.2 s of its start, and 30 MB.
  const { openSharedEngines } = await import('./engines/shared.ts');
  return openSharedEngines(options, shared);
}

/** Prepares ffmpeg and ffprobe. @throws {StartupError} when one of them does not run, or lacks a needed capability. */
async function findTools(
  folder: string,
  config: Config,
  { log, timeouts }: { log: Logger; timeouts: ToolTimeouts | undefined },
): Promise<Tools> {
  const lacking = missingCapability(config.ffmpegPath);
  // If ffmpeg does not run at all, `prepareTools` throws first.
  lacking.catch(noop);
  const tools = await prepareTools(folder, config, timeouts);
  const missing = await lacking;
  const { ffmpegPath } = config;
  if (missing !== null) {
    throw new StartupError(
      `The ffmpeg at "${ffmpegPath}" (${tools.version}) lacks ${missing}. Set FFMPEG_PATH to one that has it.`,
    );
  }
  const lackedForCovers = await missingForCovers(ffmpegPath);
  if (lackedForCovers === undefined) return tools;
  log.warn({ ffmpegPath, lacks: lackedForCovers }, 'no covers: ffmpeg lacks what makes them');
  return { ...tools, lackedForCovers };
}

function noop(): void {}
