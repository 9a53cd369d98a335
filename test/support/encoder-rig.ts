/** The encoder on real folders, with runs that need no ffmpeg and places where a test can hold its steps up. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { createDeferred, unlessAborted } from '../../src/concurrency/deferred.ts';
import { isWholeSegment } from '../../src/encoding/boxes.ts';
import { createEncoder } from '../../src/encoding/create-encoder.ts';
import type { RangeRequest } from '../../src/encoding/encode-range.ts';
import type { Encoder } from '../../src/encoding/encoder.ts';
import type { Tools } from '../../src/ffmpeg/launcher.ts';
import { createGovernor } from '../../src/governor/governor.ts';
import { openDiskLibrary } from '../../src/library/disk.ts';
import type { Library, TrackDraft } from '../../src/library/library.ts';
import { receiveInto } from '../../src/pipeline/receive.ts';
import { removeTrack } from '../../src/pipeline/remove.ts';
import { createSegmentRepair } from '../../src/pipeline/segment-repair.ts';
import { initSegmentName, mediaSegmentName } from '../../src/presentation/segment-name.ts';
import { timelineOf } from '../../src/presentation/timeline.ts';
import { cacheSegments } from '../../src/storage/cache.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Track } from '../../src/tracks/track.ts';
import { createTrackEvents } from '../../src/tracks/track-events.ts';
import { temporaryFolder } from './folders.ts';
import { sampleDraft } from './sample-track.ts';

/** Where a step can be held up. */
export type Point = 'list' | 'sync' | 'update' | 'manifest' | 'segment' | 'self-test';

export interface Hold {
  /** Resolves when a step has come here. Only the first one is held up. */
  reached: Promise<void>;
  open(): void;
}

/** Launchers of runs that somebody waits for, and of others. */
export const WAITED = 'ffmpeg';
export const YIELDING = 'ffmpeg-yielding';
export const FILENAME = 'song.mp3';
/** 10 seconds: 3 segments. */
export const SEGMENTS = 3;

/** A segment that is whole, and tells which one it is. */
function segment(kind: 'ftyp' | 'moof', text: string): Buffer {
  const payload = Buffer.from(text);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(8 + payload.length);
  header.write(kind, 4);
  return Buffer.concat([header, payload]);
}

export async function encoderRig({ keepOriginals = true, concurrency = 2 } = {}) {
  const folder = await temporaryFolder();
  const holds = new Map<Point, { reached: () => void; opened: Promise<void> }>();
  const faults = new Map<Point, unknown>();
  const pass = async (point: Point) => {
    const hold = holds.get(point);
    holds.delete(point);
    hold?.reached();
    await hold?.opened;
    const fault = faults.get(point);
    faults.delete(point);
    if (fault !== undefined) throw fault;
  };
  const holdUp = (point: Point): Hold => {
    const [reached, opened] = [createDeferred<void>(), createDeferred<void>()];
    holds.set(point, { reached: reached.resolve, opened: opened.promise });
    return { reached: reached.promise, open: opened.resolve };
  };

  const disk = cacheSegments(await openDiskStorage(folder), { maxBytes: 0, isWhole: isWholeSegment });
  const storage: Storage = {
    ...disk,
    async listSegments(filename) {
      const listed = await disk.listSegments(filename);
      await pass('list');
      return listed;
    },
    async putManifest(home, render) {
      await pass('manifest');
      await disk.putManifest(home, render);
    },
    async syncSegments(home, names) {
      await pass('sync');
      return disk.syncSegments(home, names);
    },
  };
  const records = await openDiskLibrary(folder);
  await records.opened;
  const library: Library = {
    ...records,
    async update(filename, change) {
      const updated = await records.update(filename, change);
      await pass('update');
      return updated;
    },
  };

  /** All runs that were started. */
  const runs: RangeRequest[] = [];
  /** Thrown by the next runs, one each, at this segment or a later one. */
  const failures: { error: unknown; from: number }[] = [];
  const version = { init: 'init' };
  let running = 0;
  const run = async (request: RangeRequest) => {
    runs.push(request);
    running++;
    try {
      const { signal, rendition } = request;
      await request.onInit(segment('ftyp', `${version.init} ${rendition.bitRate}`));
      for (let index = request.from; index < request.until(); index++) {
        await unlessAborted(pass('segment'), signal);
        if (index >= (failures[0]?.from ?? Number.POSITIVE_INFINITY)) throw failures.shift()?.error;
        await request.onSegment(index, segment('moof', `${version.init} ${rendition.bitRate} ${index}`));
      }
      signal.throwIfAborted();
    } finally {
      running--;
    }
  };

  let environmentFault: string | null = null;
  const look = async () => {
    await pass('self-test');
    return environmentFault;
  };
  const [log, trackEvents] = [pino({ level: 'silent' }), createTrackEvents()];
  const governor = createGovernor({
    earlyUploads: 1,
    maxUploads: 10,
    concurrency,
    disk: { room: () => storage.room(), minFreeBytes: 0 },
  });
  const tools = Promise.resolve({
    ...{ version: '5.1', ffmpeg: WAITED, background: [YIELDING], timeouts: { silentMs: 1000 } },
  } as unknown as Tools);
  const selfTest = { fault: look, recentFault: look };
  const encoder = createEncoder({
    ...{ library, storage, trackEvents, log, tools, selfTest, governor, run, concurrency, keepOriginals },
    maxDurationSeconds: 3600,
  });
  const segmentRepair = createSegmentRepair({ library, storage, encoder, trackEvents, log });

  const rig = {
    folder,
    encoder,
    segmentRepair,
    trackEvents,
    library,
    storage,
    governor,
    runs,
    failures,
    version,
    holdUp,
    get running() {
      return running;
    },
    /** What the self-test says from now on. */
    setFault(sentence: string | null) {
      environmentFault = sentence;
    },
    /** Lets the next step that comes to a point throw there. */
    failAt(point: Point, error: unknown) {
      faults.set(point, error);
    },
    async addTrack(changes: Partial<TrackDraft> = {}, name = FILENAME): Promise<Track> {
      const bytes = Buffer.from(`the original of ${name}`);
      const { upload } = await receiveInto(
        await storage.beginUpload(),
        (async function* () {
          yield bytes;
        })(),
      );
      return (await library.add(name, sampleDraft(name, { upload, uploadId: upload, ...changes }))).track;
    },
    async readyTrack(): Promise<Track> {
      encoder.start(await rig.addTrack());
      return (await encoder.whenSettled(FILENAME)) as Track;
    },
    /** Stores segments as a run would. */
    async putSegments(track: Track, ...indexes: (number | 'init')[]): Promise<void> {
      const rendition = track.renditions[0] as Track['renditions'][number];
      for (const index of indexes) {
        const kind = index === 'init' ? 'ftyp' : 'moof';
        const text = `${version.init} ${rendition.bitRate}${index === 'init' ? '' : ` ${index}`}`;
        await storage.putSegment(track.home, rig.nameOf(track, index), segment(kind, text));
      }
    },
    /** Cuts a stored segment, as a failing disk does. */
    async cut(track: Track, index: number): Promise<string> {
      const name = rig.nameOf(track, index);
      await writeFile(path.join(folder, 'segments', track.filename, name), 'cut');
      return name;
    },
    nameOf(track: Track, index: number | 'init'): string {
      const rendition = track.renditions[0] as Track['renditions'][number];
      return index === 'init' ? initSegmentName(rendition) : mediaSegmentName(rendition, index);
    },
    /** Names of segments that a track should have and has not, or not whole. */
    async holes(filename = FILENAME): Promise<string[]> {
      const track = (await library.get(filename)) as Track;
      const missing: string[] = [];
      for (let index = 0; index < timelineOf(track).segmentCount; index++) {
        const name = rig.nameOf(track, index);
        if (!(await disk.readSegment(filename, name))) missing.push(name);
      }
      return missing;
    },
  };
  return rig;
}

export type EncoderRig = Awaited<ReturnType<typeof encoderRig>>;

/** Deletes the track of a rig, on a server without a job of facts. */
export async function removeFrom({
  library,
  storage,
  encoder,
}: {
  library: Library;
  storage: Storage;
  encoder: Encoder;
}): Promise<void> {
  const facts = { cancel: async () => {}, release() {} };
  await removeTrack(FILENAME, { library, storage, encoder, facts, trackEvents: createTrackEvents() });
}
