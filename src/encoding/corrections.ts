/** Corrects a track whose record differs from its source, and removes the segments that are wrong by that. */
import type { Logger } from 'pino';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import { encodeHash } from '../presentation/ladder.ts';
import { parseSegmentName } from '../presentation/segment-name.ts';
import { timelineOf } from '../presentation/timeline.ts';
import type { Decoding } from '../source/decoding.ts';
import type { Storage } from '../storage/storage.ts';
import type { Rendition, SourceCopy, Track } from '../tracks/track.ts';
import { createCopySource } from './copy-source.ts';
import type { Job } from './job.ts';
import type { InitChangedError } from './runner.ts';

export interface CorrectionsOptions {
  library: Library;
  storage: Storage;
  log: Logger;
  tools: Promise<Tools>;
  governor: Governor;
  maxDurationSeconds: number;
}

/** The original of a track, to be decoded until the signal. */
export interface DecodedOriginal {
  track: Track;
  upload: string;
  signal: AbortSignal;
}

/** To be called when nothing of the track runs. */
export interface Corrections {
  /** Gives `use` the way to decode the original of a track. */
  withDecoding<T>(original: DecodedOriginal, use: (decoding: Decoding) => Promise<T>): Promise<T>;
  /** Resolves with the record to encode from: the copy that it needs is made again where it is gone. */
  prepared(track: Track, signal: AbortSignal): Promise<Track>;
  /** Corrects N to the real end of the source, and lets the end be encoded again. */
  correctEnd(job: Job, samples: number): Promise<void>;
  /** Gives a rendition a new key, and with it new names for all its segments: another ffmpeg has begun it. */
  startAnew(job: Job, error: InitChangedError, key: string): Promise<void>;
  /** Decodes the source once, end to end, whatever its time stamps say, and lets all be encoded again from that copy. */
  encodeFromCopy(job: Job, upload: string): Promise<void>;
}

export function createCorrections(options: CorrectionsOptions): Corrections {
  const { library, storage, log, tools, maxDurationSeconds } = options;
  const copySource = createCopySource(options);

  const withDecoding: Corrections['withDecoding'] = async ({ track, upload, signal }, use) => {
    const executable = await quietFfmpeg(tools);
    return storage.usingUpload(
      upload,
      (input) =>
        use({
          executable,
          input,
          signal,
          opening: track.copy?.opening ?? null,
          channels: track.channels,
          streamIndex: track.streamIndex,
          sampleRate: track.sampleRate,
          maxDurationSeconds,
        }),
      { signal },
    );
  };

  const removeSegments = async (home: string, keys: readonly string[]) => {
    for (const { name } of await storage.listSegments(home)) {
      if (keys.includes(parseSegmentName(name)?.encodeHash ?? '')) await storage.removeSegment(home, name);
    }
  };

  const makeCopy = async (original: DecodedOriginal, copy: SourceCopy) => {
    const { track, upload } = original;
    const declaredSeconds = track.samples / track.sampleRate;
    return withDecoding(original, (decoding) =>
      copySource(
        { upload, bytes: track.source.bytes },
        { ...decoding, opening: copy.opening },
        { ...copy, declaredSeconds },
      ),
    );
  };

  return {
    withDecoding,

    async prepared(track, signal) {
      const { filename, upload, copy, hasSeekableCopy } = track;
      if (copy === null || hasSeekableCopy || upload === null) return track;
      await makeCopy({ track, upload, signal }, copy);
      return (await library.update(filename, (current) => ({ ...current, hasSeekableCopy: true }))) ?? track;
    },

    async correctEnd({ track }, samples) {
      const { filename, home, sampleRate } = track;
      log.warn({ filename, declared: track.samples, samples }, 'the source ends elsewhere than it declares');
      // The stored segments there hold padding, or are cut off.
      const { segmentCount } = timelineOf({ ...track, samples: Math.min(samples, track.samples) });
      for (const { name } of await storage.listSegments(home)) {
        const index = parseSegmentName(name)?.index;
        if (typeof index === 'number' && index >= segmentCount - 1) await storage.removeSegment(home, name);
      }
      const declaredSeconds =
        track.declaredSeconds ?? track.truncated?.declaredSeconds ?? track.samples / sampleRate;
      const seconds = samples / sampleRate;
      const truncated = declaredSeconds > seconds ? { declaredSeconds, seconds } : null;
      await library.update(filename, (current) => ({
        ...current,
        samples,
        truncated,
        declaredSeconds,
        isEndKnown: true,
      }));
    },

    async startAnew({ track }, { rendition: { id, key: oldKey } }, key) {
      const { filename, home } = track;
      log.warn({ filename, rendition: id }, 'ffmpeg has changed: the rendition starts anew');
      // Before the record gets the new names: a crash in between leaves gaps, and not files that nobody owns.
      await removeSegments(home, [oldKey]);
      await library.update(filename, (current) => ({
        ...current,
        renditions: current.renditions.map((rendition) =>
          rendition.id === id ? { ...rendition, key } : rendition,
        ),
      }));
    },

    async encodeFromCopy({ track, controller: { signal } }, upload) {
      const { version } = await tools;
      const { filename, home } = track;
      const copy = { opening: track.copy?.opening ?? null, hasTimeline: false };
      const samples = Math.max(1, await makeCopy({ track, upload, signal }, copy));
      const keys = track.renditions.map(({ key }) => key);
      await removeSegments(home, keys);
      await library.update(filename, (current) => ({
        ...current,
        samples,
        copy,
        isEndKnown: true,
        truncated: null,
        hasSeekableCopy: true,
        renditions: current.renditions.map((rendition) => ({
          ...rendition,
          key: encodeHash(rendition, shapeOf(current, `${version}${FROM_COPY}`)),
        })),
      }));
    },
  };
}

/**
 * Resolves with ffmpeg at nice 10, for work that no client waits for. Under the idle policy it would never end beside a busy
 * neighbour; at nice 0 the look at the end of ten hours of MP3 took a tenth of the requests that are served meanwhile.
 */
async function quietFfmpeg(tools: Promise<Tools>): Promise<string> {
  const { background } = await tools;
  return background[1] ?? background[0];
}

/** Shapes the encode, and so the names of its segments. */
const FROM_COPY = ', from a copy';

function shapeOf(track: Track, ffmpegVersion: string) {
  return { ...track, sha256: track.source.sha256, ffmpegVersion };
}

/** Returns the key for another version of ffmpeg, or for one that was replaced while the server ran. That one has one key more. */
export function nextKey(rendition: Rendition, track: Track, version: string): string | undefined {
  const chains = ['', FROM_COPY].map((source) =>
    [`${version}${source}`, `${version}${source}, replaced`].map((ffmpegVersion) =>
      encodeHash(rendition, shapeOf(track, ffmpegVersion)),
    ),
  );
  const chain = chains.find((keys) => keys.includes(rendition.key)) ?? chains[0];
  return chain?.[chain.indexOf(rendition.key) + 1];
}
