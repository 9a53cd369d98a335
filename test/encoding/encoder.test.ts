/** The encoder's life, with runs that need no ffmpeg: retries, repairs, waits, and ends in every state. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { errors } from '../../src/errors.ts';
import type { Track } from '../../src/tracks/track.ts';
import {
  type EncoderRig,
  encoderRig,
  FILENAME,
  type Point,
  removeFrom,
  SEGMENTS,
  WAITED,
  YIELDING,
} from '../support/encoder-rig.ts';

const LAST = SEGMENTS - 1;

function whenStored(rig: EncoderRig, index: number | 'init', signal = new AbortController().signal) {
  const segment = { renditionId: 'aac-128k', index };
  return rig.encoder.whenStored(FILENAME, segment, { signal, holder: '192.0.2.1' });
}

/** Nothing is processed, and nothing runs. */
function expectIdle(rig: EncoderRig) {
  expect([rig.encoder.waiting, rig.running]).toEqual([0, 0]);
}

async function expectWhole(rig: EncoderRig) {
  expect(await rig.encoder.whenSettled(FILENAME)).toMatchObject({ status: 'ready' });
  expect((await rig.library.get(FILENAME))?.status).toBe('ready');
  expect(await rig.holes()).toEqual([]);
  expectIdle(rig);
}

function failTwice(rig: EncoderRig, from = 0) {
  for (const text of ['no luck', 'none again']) rig.failures.push({ error: new Error(text), from });
}

describe('a track', () => {
  it('is encoded whole, and its record says so', async () => {
    const rig = await encoderRig();
    expect(await rig.readyTrack()).toMatchObject({ status: 'ready', error: null });
    await expectWhole(rig);
  });

  it('tells the room that its segments will still take, until it takes none any more', async () => {
    const rig = await encoderRig({ concurrency: 1 });
    const track = await rig.addTrack();
    rig.encoder.start(track);
    // Before anything is known of what is stored.
    const { bytes, files } = rig.encoder.outstanding;
    expect(bytes).toBeCloseTo(1.1 * 16_000 * 10, -1);
    expect(files).toBe(SEGMENTS + 1);
    const hold = rig.holdUp('segment');
    await hold.reached;
    hold.open();
    expect(await whenStored(rig, 0)).toBe('stored');
    expect(rig.encoder.outstanding.files).toBeLessThanOrEqual(SEGMENTS - 1);
    expect(rig.encoder.outstanding.bytes).toBeLessThan(bytes);
    await rig.encoder.whenSettled(FILENAME);
    expect(rig.encoder.outstanding).toEqual({ bytes: 0, files: 0 });
  });

  it('whose run fails once is encoded all the same', async () => {
    const rig = await encoderRig();
    rig.failures.push({ error: new Error('no luck'), from: 0 });
    await rig.readyTrack();
    await expectWhole(rig);
  });

  it('whose runs fail twice at one segment fails, and all who wait for it are told', async () => {
    const rig = await encoderRig();
    failTwice(rig);
    const hold = rig.holdUp('segment');
    rig.encoder.start(await rig.addTrack());
    const waits = [whenStored(rig, 0), whenStored(rig, LAST)];
    const playable = rig.encoder.whenPlayable(FILENAME);
    hold.open();
    expect(await rig.encoder.whenSettled(FILENAME)).toMatchObject({ status: 'failed' });
    expect(await playable).toMatchObject({ status: 'failed' });
    expect(await Promise.all(waits)).toEqual(['gone', 'gone']);
    expectIdle(rig);
  });

  it('whose ffmpeg was replaced starts anew under another key, and who waits for a segment is told', async () => {
    const rig = await encoderRig();
    const track = await rig.readyTrack();
    const name = await rig.cut(track, 1);
    rig.version.init = 'another init';
    await rig.segmentRepair.repair(FILENAME, name);
    expect(await whenStored(rig, 1)).toBe('stored');
    await expectWhole(rig);
    const now = (await rig.library.get(FILENAME)) as Track;
    expect(now.renditions[0]?.key).not.toBe(track.renditions[0]?.key);
    expect(await rig.storage.listSegments(FILENAME)).toHaveLength(SEGMENTS + 1);
  });
});

describe('a segment that a careless hand removes just before the end', () => {
  it.each([1, 'init'] as const)('is encoded again before its track is ready: %s', async (index) => {
    const rig = await encoderRig();
    const track = await rig.addTrack();
    const hold = rig.holdUp('sync');
    rig.encoder.start(track);
    await hold.reached;
    await rm(path.join(rig.folder, 'segments', track.home, rig.nameOf(track, index)));
    hold.open();
    await expectWhole(rig);
    expect(await rig.storage.listSegments(track.home)).toHaveLength(SEGMENTS + 1);
  });

  it('is encoded again although all others are gone as well', async () => {
    const rig = await encoderRig();
    const track = await rig.addTrack();
    const hold = rig.holdUp('sync');
    rig.encoder.start(track);
    await hold.reached;
    await rm(path.join(rig.folder, 'segments', track.home), { recursive: true });
    hold.open();
    await expectWhole(rig);
  });
});

describe('a run', () => {
  /** 50 segments. */
  const LONG = { samples: 44_100 * 200 };
  const launchersOf = (rig: EncoderRig) => rig.runs.map(({ executable, from }) => `${from} ${executable}`);

  it('yields to other work, but for the first segment', async () => {
    const rig = await encoderRig({ concurrency: 1 });
    rig.encoder.start(await rig.addTrack(LONG));
    await rig.encoder.whenSettled(FILENAME);
    expect(launchersOf(rig)).toEqual([`0 ${WAITED}`, `1 ${YIELDING}`]);
  });

  it('yields to nothing where a client waits for the segment that it makes', async () => {
    const rig = await encoderRig({ concurrency: 1 });
    const hold = rig.holdUp('segment');
    rig.encoder.start(await rig.addTrack(LONG));
    await hold.reached;
    const stored = whenStored(rig, 40);
    hold.open();
    expect(await stored).toBe('stored');
    await rig.encoder.whenSettled(FILENAME);
    expect(launchersOf(rig)).toEqual([`0 ${WAITED}`, `40 ${WAITED}`, `1 ${YIELDING}`]);
  });

  it('yields to nothing where a client waits until its track is ready, as long as the client is there', async () => {
    const rig = await encoderRig({ concurrency: 1 });
    const patient = new AbortController();
    rig.encoder.start(await rig.addTrack(LONG));
    await rig.encoder.whenSettled(FILENAME, patient);
    expect(launchersOf(rig)).toEqual([`0 ${WAITED}`]);

    const other = await encoderRig({ concurrency: 1 });
    other.encoder.start(await other.addTrack(LONG));
    const settled = other.encoder.whenSettled(FILENAME, patient);
    const gone = new Error('the client has gone');
    patient.abort(gone);
    await expect(settled).rejects.toBe(gone);
    await other.encoder.whenSettled(FILENAME);
    expect(launchersOf(other)).toEqual([`0 ${WAITED}`, `1 ${YIELDING}`]);
  });
});

/** States in which a track is processed, each with the step that a test holds up to bring a track there. */
const states: Record<string, { point: Point; prepare?(rig: EncoderRig): void }> = {
  'is being loaded': { point: 'list' },
  'is being encoded': { point: 'segment' },
  'is about to be ready': { point: 'sync' },
  'has just been recorded as ready': { point: 'update' },
  'has its manifest written': { point: 'manifest' },
  'is found to have failed': { point: 'self-test', prepare: (rig) => failTwice(rig) },
};

describe.each(Object.entries(states))('a track that %s', (_, { point, prepare }) => {
  async function brought() {
    const rig = await encoderRig({ concurrency: 1 });
    prepare?.(rig);
    const hold = rig.holdUp(point);
    rig.encoder.start(await rig.addTrack());
    await hold.reached;
    return { rig, open: hold.open };
  }

  it('can be deleted: who waits is told, and nothing of it runs or is written after that', async () => {
    const { rig, open } = await brought();
    const waits = [whenStored(rig, LAST), rig.encoder.whenSettled(FILENAME)];
    const cancelled = rig.encoder.cancel(FILENAME);
    open();
    await cancelled;
    expectIdle(rig);
    await Promise.all(waits);
    await rig.storage.removeHome(FILENAME);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await rig.storage.listSegments(FILENAME)).toEqual([]);
  });

  it('can be stopped: who waits is told, and nothing runs after that', async () => {
    const { rig, open } = await brought();
    const waits = [whenStored(rig, LAST), rig.encoder.whenSettled(FILENAME)];
    const closed = rig.encoder.close();
    open();
    await closed;
    expectIdle(rig);
    await Promise.all(waits);
  });

  it('keeps nobody waiting for a segment longer than they want to', async () => {
    const { rig, open } = await brought();
    const timeouts = new AbortController();
    const wait = whenStored(rig, LAST, timeouts.signal);
    const late = new Error('that took too long');
    timeouts.abort(late);
    // Where the segment is stored, that is told at once.
    expect([late, 'stored']).toContain(await wait.catch((error: unknown) => error));
    open();
    await rig.encoder.whenSettled(FILENAME);
  });
});

describe('two segments that are cut', () => {
  /** What the repair of the first one is at when the second one is missed. */
  const moments: Point[] = ['list', 'segment', 'sync', 'update', 'manifest'];

  it.each(moments)('are both encoded anew, the second one missed at "%s"', async (moment) => {
    const rig = await encoderRig({ concurrency: 1 });
    const track = await rig.readyTrack();
    const names = [await rig.cut(track, 0), await rig.cut(track, 2)] as [string, string];
    expect(await rig.segmentRepair.repair(FILENAME, names[0])).toBe(true);
    const hold = rig.holdUp(moment);
    await hold.reached;
    expect(await rig.segmentRepair.repair(FILENAME, names[1])).toBe(true);
    hold.open();
    expect(await Promise.all([whenStored(rig, 0), whenStored(rig, 2)])).toEqual(['stored', 'stored']);
    for (const name of names) expect(await rig.storage.readSegment(FILENAME, name)).toBeDefined();
    await expectWhole(rig);
  });

  it.each(['sync', 'update'] as const)('of a track whose original goes, at "%s"', async (moment) => {
    const rig = await encoderRig({ keepOriginals: false });
    const hold = rig.holdUp(moment);
    const track = await rig.addTrack();
    rig.encoder.start(track);
    await hold.reached;
    const name = await rig.cut(track, 1);
    const isRepaired = await rig.segmentRepair.repair(FILENAME, name);
    hold.open();
    const settled = await rig.encoder.whenSettled(FILENAME);
    expect(settled).toMatchObject({ status: 'ready', upload: null });
    // Once the record says so, there is nothing to encode the segment from.
    expect(isRepaired).toBe(moment === 'sync');
    expect(await rig.holes()).toEqual(isRepaired ? [] : [name]);
    expectIdle(rig);
  });

  it('and missed by many clients at once are encoded in one go', async () => {
    const rig = await encoderRig();
    const track = await rig.readyTrack();
    const names = [await rig.cut(track, 0), await rig.cut(track, 2)];
    const runs = rig.runs.length;
    const repairs = names.flatMap((name) =>
      Array.from({ length: 10 }, () => rig.segmentRepair.repair(FILENAME, name)),
    );
    expect(new Set(await Promise.all(repairs))).toEqual(new Set([true]));
    await expectWhole(rig);
    expect(rig.runs.length - runs).toBeLessThanOrEqual(4);
  });
});

describe('a track that waits for the machine', () => {
  afterEach(() => void vi.useRealTimers());

  /** All but its last segment is stored. */
  async function waiting() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rig = await encoderRig({ concurrency: 1 });
    failTwice(rig, LAST);
    rig.setFault('ffmpeg does not work.');
    const track = await rig.addTrack();
    rig.encoder.start(track);
    expect(await rig.encoder.whenSettled(FILENAME)).toBe('stopped');
    return { rig, track };
  }

  it('goes on once it is well', async () => {
    const { rig } = await waiting();
    const stored = whenStored(rig, LAST);
    rig.setFault(null);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await stored).toBe('stored');
    await expectWhole(rig);
  });

  it('is tried once more where it fails after that, and then fails for good', async () => {
    const { rig } = await waiting();
    rig.setFault(null);
    // The machine may have recovered just after these.
    failTwice(rig, LAST);
    const backsOff = rig.encoder.whenSettled(FILENAME);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await backsOff).toBe('stopped');
    failTwice(rig, LAST);
    const settled = rig.encoder.whenSettled(FILENAME);
    await vi.advanceTimersByTimeAsync(2000);
    expect(await settled).toMatchObject({ status: 'failed' });
    expectIdle(rig);
  });

  it('keeps nobody waiting longer than they want to', async () => {
    const { rig } = await waiting();
    const late = new Error('that took too long');
    await expect(whenStored(rig, LAST, AbortSignal.abort(late))).rejects.toBe(late);
    const timeouts = new AbortController();
    const wait = whenStored(rig, LAST, timeouts.signal);
    timeouts.abort(late);
    await expect(wait).rejects.toBe(late);
    await rig.encoder.close();
  });

  it('can be deleted and stopped', async () => {
    for (const end of ['cancel', 'close'] as const) {
      const { rig } = await waiting();
      const stored = whenStored(rig, LAST);
      await rig.encoder[end](FILENAME);
      expect(await stored).toBe(end === 'cancel' ? 'gone' : 'stopped');
      expectIdle(rig);
    }
  });

  it('and loses a segment encodes it when it goes on', async () => {
    const { rig, track } = await waiting();
    const name = await rig.cut(track, 1);
    expect(await rig.segmentRepair.repair(FILENAME, name)).toBe(true);
    const stored = whenStored(rig, 1);
    rig.setFault(null);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await stored).toBe('stored');
    expect(await rig.storage.readSegment(FILENAME, name)).toBeDefined();
    await expectWhole(rig);
  });
});

describe('a step that throws', () => {
  afterEach(() => void vi.useRealTimers());
  const noAccess = Object.assign(new Error('the disk says no'), { code: 'EACCES' });

  it.each<Point>(['list', 'sync', 'update', 'manifest'])(
    'at "%s" lets the track wait for the machine, and loses nothing',
    async (point) => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const rig = await encoderRig();
      rig.setFault('Nothing can be stored.');
      rig.failAt(point, noAccess);
      rig.encoder.start(await rig.addTrack());
      expect(await rig.encoder.whenSettled(FILENAME)).toBe('stopped');
      rig.setFault(null);
      const settled = rig.encoder.whenSettled(FILENAME);
      await vi.advanceTimersByTimeAsync(1000);
      expect(await settled).toMatchObject({ status: 'ready' });
      await expectWhole(rig);
    },
  );

  it('because the storage does not answer lets the track wait, although it answers when that is judged', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rig = await encoderRig();
    const refused = errors.storageUnavailable(new Error('ECONNREFUSED'));
    for (let round = 0; round < 3; round++) {
      // As many as make a track fail that is at fault itself.
      for (let n = 0; n < 2; n++) rig.failures.push({ error: refused, from: 1 });
      if (round === 0) rig.encoder.start(await rig.addTrack());
      const backsOff = rig.encoder.whenSettled(FILENAME);
      if (round > 0) await vi.advanceTimersByTimeAsync(1000 * 2 ** (round - 1));
      expect(await backsOff).toBe('stopped');
    }
    const settled = rig.encoder.whenSettled(FILENAME);
    await vi.advanceTimersByTimeAsync(4000);
    expect(await settled).toMatchObject({ status: 'ready' });
  });

  it('while a failure is judged lets the track wait as well', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rig = await encoderRig();
    failTwice(rig);
    rig.failAt('self-test', new Error('ffmpeg cannot be started'));
    rig.encoder.start(await rig.addTrack());
    expect(await rig.encoder.whenSettled(FILENAME)).toBe('stopped');
    const settled = rig.encoder.whenSettled(FILENAME);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await settled).toMatchObject({ status: 'ready' });
  });
});

it('a track is deleted at once, though the look at the machine hangs', async () => {
  const rig = await encoderRig();
  failTwice(rig);
  const hold = rig.holdUp('self-test');
  rig.encoder.start(await rig.addTrack());
  await hold.reached;
  await rig.encoder.cancel(FILENAME);
  expectIdle(rig);
  hold.open();
});

it('two runs that fail at the same time are both tried again', async () => {
  const rig = await encoderRig();
  const hold = rig.holdUp('segment');
  rig.encoder.start(await rig.addTrack({ samples: 44_100 * 200 }));
  await hold.reached;
  rig.failures.push({ error: new Error('no luck'), from: 10 }, { error: new Error('no luck'), from: 30 });
  hold.open();
  await rig.encoder.whenSettled(FILENAME);
  expect(rig.failures).toEqual([]);
  await expectWhole(rig);
});

it('a track that meets anything at any time ends whole, or as it was told to', async () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (seed >> 8) % below;
  };
  const points: Point[] = ['list', 'sync', 'update', 'manifest', 'segment'];
  for (let round = 0; round < 30; round++) {
    const rig = await encoderRig({ concurrency: 1 + random(2) });
    const track = await rig.addTrack({ samples: 44_100 * 40 });
    const hold = rig.holdUp(points[random(points.length)] as Point);
    rig.encoder.start(track);
    await hold.reached;
    const happenings = [
      () => rig.failures.push({ error: new Error('no luck'), from: random(10) }),
      () => rig.segmentRepair.repair(FILENAME, rig.nameOf(track, random(10))),
      () => rig.segmentRepair.repair(FILENAME, rig.nameOf(track, 'init')),
      () => whenStored(rig, random(10), AbortSignal.timeout(1)).catch(() => {}),
      () => void hold.open(),
    ];
    await Promise.all(Array.from({ length: 6 }, () => happenings[random(happenings.length)]?.()));
    hold.open();
    const end = random(3);
    if (end === 0) await rig.encoder.cancel(FILENAME);
    else if (end === 1) await rig.encoder.close();
    else if ((await rig.encoder.whenSettled(FILENAME)) !== 'stopped') {
      const status = (await rig.library.get(FILENAME))?.status;
      // More failures at one segment than there are retries.
      if (status !== 'failed') expect([status, await rig.holes(FILENAME)]).toEqual(['ready', []]);
    }
    expectIdle(rig);
  }
});

describe('an original that is not kept', () => {
  afterEach(() => void vi.useRealTimers());
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

  /** The record says that the track is ready; its manifest could not be written. */
  async function halfFinished() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const rig = await encoderRig({ keepOriginals: false });
    rig.failAt('manifest', full);
    const track = await rig.addTrack();
    rig.encoder.start(track);
    expect(await rig.encoder.whenSettled(FILENAME)).toBe('stopped');
    expect(await rig.library.get(FILENAME)).toMatchObject({ status: 'ready', upload: null });
    return { rig, upload: track.upload as string };
  }

  it('is removed although its track was finished in two tries', async () => {
    const { rig, upload } = await halfFinished();
    const settled = rig.encoder.whenSettled(FILENAME);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await settled).toMatchObject({ status: 'ready' });
    expect(await rig.storage.hasUpload(upload)).toBe(false);
  });

  it('is removed with a track that is deleted between the two', async () => {
    const { rig, upload } = await halfFinished();
    const { library, storage, encoder } = rig;
    await removeFrom({ library, storage, encoder });
    expect(await rig.storage.hasUpload(upload)).toBe(false);
  });
});

describe('work before the first look at what is stored', () => {
  it('is seen by that look, and clients are told that the track can be played', async () => {
    const rig = await encoderRig();
    const track = await rig.addTrack();
    const playable: (boolean | undefined)[] = [];
    rig.trackEvents.listen(() => void playable.push(rig.encoder.progressOf(FILENAME)?.isPlayable));
    const hold = rig.holdUp('segment');
    rig.encoder.start(track, { before: () => rig.putSegments(track, 'init', 0) });
    await hold.reached;
    expect(playable).toContain(true);
    hold.open();
    await rig.encoder.whenSettled(FILENAME);
    expect(rig.runs.map(({ from }) => from)).toEqual([1]);
    await expectWhole(rig);
  });

  it('ends before a deletion does, and nothing is left of it', async () => {
    const rig = await encoderRig();
    const track = await rig.addTrack();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    rig.encoder.start(track, {
      async before() {
        await released;
        await rig.putSegments(track, 'init', 0);
      },
    });
    const { library, storage, encoder } = rig;
    const removed = removeFrom({ library, storage, encoder });
    release();
    await removed;
    expect(await storage.listHomes()).toEqual([]);
    expectIdle(rig);
  });
});
