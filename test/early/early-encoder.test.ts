/** The early encode of uploads, with runs that need no ffmpeg and a clock that the tests set. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEarlyEncoder } from '../../src/early/early-encoder.ts';
import { EarlyEndError } from '../../src/encoding/cutter.ts';
import type { RangeRequest } from '../../src/encoding/encode-range.ts';
import type { Tools } from '../../src/ffmpeg/launcher.ts';
import { createGovernor } from '../../src/governor/governor.ts';
import type { Beginning } from '../../src/source/beginning.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import type { ArrivingUpload } from '../../src/storage/storage.ts';
import { temporaryFolder } from '../support/folders.ts';
import { sampleTrack } from '../support/sample-track.ts';

const KIB = 1024;
/** Bytes of which the runs of these tests make a segment. */
const SEGMENT_BYTES = 10 * KIB;
const RATE = 44_100;
const SEGMENT_SAMPLES = 172 * 1024;
const SOURCE: Beginning = {
  codec: 'flac',
  bitRate: null,
  streamIndex: 0,
  sampleRate: RATE,
  channels: 2,
  dataBytes: null,
};
const YIELDING = 'ffmpeg-yielding-most';

afterEach(() => void vi.useRealTimers());
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});

/** Looks until nothing is thrown, and leaves the clock of the test as it is. */
async function eventually(look: () => void): Promise<void> {
  for (const deadline = Date.now() + 5000; ; ) {
    try {
      return look();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

/** A run that makes one segment of every 10 KiB of its input, and ends early as a source of unknown length does. */
async function countingRun(request: RangeRequest) {
  await request.onInit(Buffer.from('init'));
  let bytes = 0;
  let index = 0;
  for await (const chunk of request.input as Readable) {
    request.signal.throwIfAborted();
    bytes += chunk.length;
    for (; bytes >= SEGMENT_BYTES * (index + 1); index++) {
      await request.onSegment(index, Buffer.from(`segment ${index}`));
    }
  }
  request.signal.throwIfAborted();
  const mediaEnd = 1024 + 4096 + samplesOf(bytes);
  throw new EarlyEndError({ mediaStart: 0, mediaEnd });
}

/** N of a source of so many bytes. */
const samplesOf = (bytes: number) => Math.round((bytes / SEGMENT_BYTES) * SEGMENT_SAMPLES);

async function earlyRig({
  run = countingRun,
  examine = async (): Promise<Beginning | null> => SOURCE,
  isEnabled = true,
  earlyUploads = 2,
} = {}) {
  const folder = await temporaryFolder();
  const storage = await openDiskStorage(folder);
  const requests: RangeRequest[] = [];
  let isBusy = false;
  let isFull = false;
  let segments = 0;
  const governor = createGovernor({
    maxUploads: 10,
    concurrency: 2,
    earlyUploads,
    disk: { room: async () => (isFull ? { bytes: 0, files: 1e6 } : storage.room()), minFreeBytes: 0 },
  });
  const encoder = createEarlyEncoder({
    isEnabled,
    storage,
    governor,
    tools: Promise.resolve({ background: [YIELDING] } as unknown as Tools),
    log: pino({ level: 'silent' }),
    examine,
    run: (request) => {
      requests.push(request);
      const onSegment: RangeRequest['onSegment'] = async (index, bytes) => {
        await request.onSegment(index, bytes);
        segments++;
      };
      return run({ ...request, onSegment });
    },
    isBusy: () => isBusy,
    ladder: [64_000, 128_000].map((bitRate) => ({ codec: 'aac', bitRate })),
    segmentSeconds: 4,
    maxDurationSeconds: 3600,
  });

  const rig = {
    folder,
    storage,
    governor,
    encoder,
    requests,
    /** Number of segments that all runs have handed out. */
    get segments() {
      return segments;
    },
    fillDisk() {
      isFull = true;
    },
    setBusy(busy: boolean) {
      isBusy = busy;
    },
    get inUse() {
      return governor.usage().earlyEncodes;
    },
    async upload(holder = 'client') {
      const arriving = await storage.beginUpload();
      const encode = encoder.begin(arriving, holder);
      return { arriving, encode, send: (bytes: number, ms = 1000) => send(arriving, encode, { bytes, ms }) };
    },
    /** A track of a source of so many bytes. */
    track: (bytes: number, changes = {}) =>
      sampleTrack({
        samples: samplesOf(bytes),
        renditions: ['aac-64k', 'aac-128k'].map((id) => ({
          ...(sampleTrack().renditions[0] as ReturnType<typeof sampleTrack>['renditions'][number]),
          id,
        })),
        ...changes,
      }),
    staged: async () =>
      (await readdir(path.join(folder, 'segments'))).filter((name) => name.startsWith('.tmp-stage')),
    namesIn: async (home: string) => (await storage.listSegments(home)).map(({ name }) => name).sort(),
  };
  return rig;
}

/** Lets bytes come within some time, in chunks of 8 KiB. */
async function send(
  arriving: ArrivingUpload,
  encode: { arrived(bytes: number): void },
  { bytes, ms }: { bytes: number; ms: number },
) {
  const chunks = Math.ceil(bytes / (8 * KIB));
  for (let sent = 0; sent < bytes; sent += 8 * KIB) {
    await vi.advanceTimersByTimeAsync(ms / chunks);
    const chunk = Buffer.alloc(Math.min(8 * KIB, bytes - sent));
    await arriving.write(chunk);
    encode.arrived(chunk.length);
  }
}

/** Names of segments of both renditions. */
const names = (...indexes: (number | 'init')[]) =>
  ['aac-128k', 'aac-64k'].flatMap((id) =>
    indexes.map((index) =>
      index === 'init'
        ? `${id}-3f9a2c1b-init.mp4`
        : `${id}-3f9a2c1b-${String(index + 1).padStart(5, '0')}.m4s`,
    ),
  );

type Rig = Awaited<ReturnType<typeof earlyRig>>;
async function expectNothingLeft(rig: Rig) {
  expect(rig.inUse).toBe(0);
  expect(await rig.storage.listHomes()).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
}

describe('an upload', () => {
  it('is encoded while it arrives; its track adopts all segments before the last one', async () => {
    const rig = await earlyRig();
    const { arriving, encode, send } = await rig.upload();
    await send(100 * KIB);
    await eventually(() => expect(rig.requests).toHaveLength(2));
    expect(rig.inUse).toBe(1);
    await send(25 * KIB);
    await (await arriving.finish()).durable;
    encode.whole();
    await eventually(() => expect(rig.inUse).toBe(0));
    expect(encode.proven()?.endSamples).toBe(samplesOf(125 * KIB));
    const track = rig.track(125 * KIB);
    await encode.adopt(track);
    await encode.drop();
    // 12.5 segments: the last one has the number 12.
    const expected = names('init', ...Array.from({ length: 12 }, (_, index) => index));
    expect(await rig.namesIn(track.home)).toEqual(expected.sort());
    expect((await rig.storage.readSegment(track.home, names(3)[0] as string))?.toString()).toBe('segment 3');
    await rig.storage.removeHome(track.home);
    await expectNothingLeft(rig);
  });

  it('is encoded by runs that yield most, one for each rendition, of a source without a known end', async () => {
    const rig = await earlyRig();
    const { encode, send } = await rig.upload();
    await send(100 * KIB);
    await eventually(() => expect(rig.requests).toHaveLength(2));
    for (const request of rig.requests) {
      expect(request).toMatchObject({ executable: YIELDING, from: 0, track: { samples: 3600 * RATE } });
      expect(request.until()).toBe(Number.POSITIVE_INFINITY);
    }
    expect(rig.requests.map(({ rendition }) => rendition.bitRate)).toEqual([64_000, 128_000]);
    await encode.drop();
    await expectNothingLeft(rig);
  });

  it('that is whole is encoded on, however long it takes to be examined', async () => {
    const rig = await earlyRig();
    const { arriving, encode, send } = await rig.upload();
    await send(80 * KIB);
    await eventually(() => expect(rig.requests).toHaveLength(2));
    rig.setBusy(true);
    await send(20 * KIB);
    await arriving.finish();
    encode.whole();
    await vi.advanceTimersByTimeAsync(60_000);
    rig.setBusy(false);
    await vi.advanceTimersByTimeAsync(100);
    await eventually(() => expect(rig.inUse).toBe(0));
    expect(encode.proven()?.endSamples).toBe(samplesOf(100 * KIB));
    await encode.drop();
    await expectNothingLeft(rig);
  });

  it('is not encoded before 64 KiB have come', async () => {
    const rig = await earlyRig();
    const { encode, send } = await rig.upload();
    await send(63 * KIB);
    expect(rig.inUse).toBe(0);
    await encode.drop();
    await expectNothingLeft(rig);
  });

  it('that sends one byte a second holds no process, also after a fast beginning', async () => {
    const rig = await earlyRig();
    const { arriving, encode, send } = await rig.upload();
    await send(100 * KIB);
    await eventually(() => expect(rig.requests).toHaveLength(2));
    await eventually(() => expect(rig.segments).toBe(2 * 10));
    for (let second = 0; second < 10; second++) {
      await arriving.write(Buffer.alloc(1));
      encode.arrived(1);
      await vi.advanceTimersByTimeAsync(1000);
    }
    await eventually(() => expect(rig.inUse).toBe(0));
    expect(rig.requests.every(({ signal }) => signal.aborted)).toBe(true);
    // What was encoded before is right all the same.
    const track = rig.track(100 * KIB + 10);
    await encode.adopt(track);
    await encode.drop();
    expect(await rig.namesIn(track.home)).toHaveLength(2 * 10);
    await rig.storage.removeHome(track.home);
    await expectNothingLeft(rig);
  });

  it('whose beginning tells nothing is looked at again when more of it has come', async () => {
    let looks = 0;
    const rig = await earlyRig({ examine: async () => (++looks < 3 ? null : SOURCE) });
    const { encode, send } = await rig.upload();
    await send(100 * KIB);
    expect([looks, rig.inUse]).toEqual([1, 0]);
    await send(500 * KIB);
    expect([looks, rig.inUse]).toEqual([2, 0]);
    await send(4000 * KIB);
    await eventually(() => expect(rig.requests).toHaveLength(2));
    expect(looks).toBe(3);
    await encode.drop();
    await expectNothingLeft(rig);
  });

  it('gets no bytes to its runs while accepted work takes all processors', async () => {
    const rig = await earlyRig();
    const { encode, send } = await rig.upload();
    await send(70 * KIB);
    await eventually(() => expect(rig.requests).toHaveLength(2));
    await eventually(() => expect(rig.segments).toBe(2 * 7));
    rig.setBusy(true);
    const { segments } = rig;
    await send(200 * KIB);
    await vi.advanceTimersByTimeAsync(1000);
    // Each run may have had a chunk in hand.
    expect(rig.segments).toBeLessThanOrEqual(segments + 2);
    rig.setBusy(false);
    await vi.advanceTimersByTimeAsync(100);
    await eventually(() => expect(rig.segments).toBe(2 * 27));
    expect(encode.proven()).toMatchObject({ beginning: SOURCE, endSamples: null });
    await encode.drop();
    await expectNothingLeft(rig);
  });

  it('is not begun to be encoded while accepted work takes all processors', async () => {
    const rig = await earlyRig();
    const { encode, send } = await rig.upload();
    rig.setBusy(true);
    await send(200 * KIB);
    expect([rig.inUse, rig.requests.length]).toEqual([0, 0]);
    rig.setBusy(false);
    await send(8 * KIB);
    await eventually(() => expect(rig.requests).toHaveLength(2));
    await encode.drop();
    await expectNothingLeft(rig);
  });

  it('that is given up leaves nothing, at whatever point', async () => {
    for (const bytes of [0, 10, 70, 150]) {
      const rig = await earlyRig();
      const { arriving, encode, send } = await rig.upload();
      await send(bytes * KIB);
      await arriving.discard();
      await encode.drop();
      await expectNothingLeft(rig);
    }
  });

  it('is one of at most EARLY_UPLOADS; another takes the place when one ends', async () => {
    const rig = await earlyRig({ earlyUploads: 2 });
    const uploads = [await rig.upload('a'), await rig.upload('b'), await rig.upload('c')] as const;
    for (const { send } of uploads) await send(100 * KIB);
    expect(rig.inUse).toBe(2);
    await uploads[0].encode.drop();
    expect(rig.inUse).toBe(1);
    await uploads[2].send(8 * KIB);
    expect(rig.inUse).toBe(2);
    for (const { encode } of uploads) await encode.drop();
    await expectNothingLeft(rig);
  });

  it('of the same bytes as another has a stage of its own', async () => {
    const rig = await earlyRig();
    const [one, other] = [await rig.upload(), await rig.upload()];
    for (const { arriving, encode, send } of [one, other]) {
      await send(100 * KIB);
      await arriving.finish();
      encode.whole();
    }
    await eventually(() => expect(rig.inUse).toBe(0));
    await other.encode.drop();
    const track = rig.track(100 * KIB);
    await one.encode.adopt(track);
    expect(await rig.namesIn(track.home)).toHaveLength(2 * 10);
    await rig.encoder.close();
    await rig.storage.removeHome(track.home);
    await expectNothingLeft(rig);
  });

  it('is not encoded early where that is switched off, and after the server has begun to stop', async () => {
    for (const isEnabled of [false, true]) {
      const rig = await earlyRig({ isEnabled });
      if (isEnabled) await rig.encoder.close();
      const { encode, send } = await rig.upload();
      await send(200 * KIB);
      expect(rig.requests).toEqual([]);
      expect(encode.proven()).toBeUndefined();
      await encode.adopt(rig.track(200 * KIB));
      await encode.drop();
      await expectNothingLeft(rig);
    }
  });

  it('is let go of when the server stops', async () => {
    const rig = await earlyRig();
    const { send } = await rig.upload();
    await send(100 * KIB);
    expect(rig.inUse).toBe(1);
    await rig.encoder.close();
    await expectNothingLeft(rig);
  });
});

describe('nothing is adopted', () => {
  /** An early encode of 100 KiB that has come to its end. */
  async function encoded(options: Parameters<typeof earlyRig>[0] = {}) {
    const rig = await earlyRig(options);
    const { arriving, encode, send } = await rig.upload();
    await send(100 * KIB);
    await arriving.finish();
    encode.whole();
    return { rig, encode };
  }

  async function expectNothingAdopted(
    rig: Rig,
    encode: Awaited<ReturnType<Rig['upload']>>['encode'],
    track: ReturnType<Rig['track']>,
  ) {
    await encode.adopt(track);
    await encode.drop();
    expect(await rig.namesIn(track.home)).toEqual([]);
    await expectNothingLeft(rig);
  }

  it.each([
    ['its stream', { streamIndex: 1 }],
    ['its sample rate', { sampleRate: 48_000 }],
    ['its channels', { channels: 1 }],
    ['its segment length', { segmentFrames: 86 }],
    ['its source, which had to be copied', { hasSeekableCopy: true }],
    ['its recipe of a copy', { copy: { opening: null, hasTimeline: true } }],
    ['its length', { samples: samplesOf(100 * KIB) + 5000 }],
    ['its shorter length', { samples: samplesOf(100 * KIB) - 5000 }],
    ['its renditions', { renditions: [{ ...sampleTrack().renditions[0], id: 'aac-32k' }] }],
  ])('by a track that differs in %s', async (_what, changes) => {
    const { rig, encode } = await encoded();
    await eventually(() => expect(rig.inUse).toBe(0));
    await expectNothingAdopted(rig, encode, rig.track(100 * KIB, changes));
  });

  it('where the source may have more pieces of sound than the first one', async () => {
    const bytes = 100 * KIB;
    const bitRate = (8 * bytes * RATE) / samplesOf(bytes);
    const source = (fileBytes: number) => ({
      source: { ...sampleTrack().source, bytes: fileBytes, bitRate },
    });
    const cases: [dataBytes: number, changes: ReturnType<typeof source>, adopted: number][] = [
      [bytes, source(bytes + 44), 2 * 10],
      // Another piece of the same length, and the first one of another length.
      [bytes, source(2 * bytes), 0],
      [2 * bytes, source(bytes + 44), 0],
    ];
    for (const [dataBytes, changes, adopted] of cases) {
      const { rig, encode } = await encoded({ examine: async () => ({ ...SOURCE, dataBytes }) });
      await eventually(() => expect(rig.inUse).toBe(0));
      const track = rig.track(bytes, changes);
      await encode.adopt(track);
      await encode.drop();
      expect(await rig.namesIn(track.home)).toHaveLength(adopted);
    }
  });

  it('where there is too little room, and the segments are removed at once', async () => {
    const rig = await earlyRig();
    const { encode, send } = await rig.upload();
    await send(80 * KIB);
    await eventually(() => expect(rig.segments).toBeGreaterThan(0));
    rig.fillDisk();
    await send(20 * KIB);
    await eventually(() => expect(rig.inUse).toBe(0));
    expect(await rig.staged()).toEqual([]);
    await expectNothingAdopted(rig, encode, rig.track(100 * KIB));
  });

  it('where a run has failed; the others are stopped', async () => {
    const { rig, encode } = await encoded({
      run: async (request) => {
        if (request.rendition.bitRate === 64_000) throw new Error('no decoder');
        await countingRun(request);
      },
    });
    await eventually(() => expect(rig.inUse).toBe(0));
    expect(rig.requests.every(({ signal }) => signal.aborted)).toBe(true);
    await expectNothingAdopted(rig, encode, rig.track(100 * KIB));
  });

  it('where the beginning could not be examined', async () => {
    const { rig, encode } = await encoded({ examine: () => Promise.reject(new Error('ffprobe has died')) });
    await expectNothingAdopted(rig, encode, rig.track(100 * KIB));
    expect(rig.requests).toEqual([]);
  });

  it('where the segments cannot be moved; the track is none the worse', async () => {
    const { rig, encode } = await encoded();
    await eventually(() => expect(rig.inUse).toBe(0));
    // Another server on the same folder sweeps the stage.
    await openDiskStorage(rig.folder);
    const track = rig.track(100 * KIB);
    await expect(encode.adopt(track)).resolves.toBeUndefined();
    await encode.drop();
    expect(await rig.namesIn(track.home)).toEqual([]);
    expect(rig.inUse).toBe(0);
  });
});
