/** The guarantees of `src/storage/storage.ts`, for every storage. */
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { receiveInto } from '../../src/pipeline/receive.ts';
import type { ArrivingUpload, ReceivedUpload, Storage } from '../../src/storage/storage.ts';

export interface StorageUnderTest {
  storage: Storage;
  /** Opens another one on the same bytes, as the next start of the server does. */
  reopen(): Promise<Storage>;
  /** Makes the place that a library makes for a new track. */
  openHome?(home: string): Promise<unknown>;
}

const MIB = 1024 * 1024;
const FIRST = 'aac-128k-3f9a2c1b-00001.m4s';
const HOME = '7d3f9f0e-8f4e-4b8a-9a55-6a1f6f5b3c21';
const SECOND = 'aac-128k-3f9a2c1b-00002.m4s';
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function* streamOf(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
}

async function* failingAfter(...chunks: Buffer[]): AsyncGenerator<Buffer> {
  yield* chunks;
  throw new Error('the client went away');
}

export function storageContract(open: () => Promise<StorageUnderTest>): void {
  let storage: Storage;
  let reopen: () => Promise<Storage>;
  let openHome: StorageUnderTest['openHome'];
  beforeEach(async () => {
    ({ storage, reopen, openHome } = await open());
  });
  const openedHome = async () => {
    await openHome?.(HOME);
    return HOME;
  };

  const receive = async (stream: AsyncIterable<Buffer>): Promise<ReceivedUpload> => {
    const received = await receiveInto(await storage.beginUpload(), stream);
    await received.durable;
    return received;
  };
  const contentOf = (upload: string, from = storage) => from.usingUpload(upload, (file) => readFile(file));
  const uploadsOf = async (from = storage) => (await from.listUploads()).map(({ upload }) => upload);
  const homesOf = async (from = storage) => (await from.listHomes()).map(({ home }) => home).sort();
  const sorted = async (filename: string) =>
    (await storage.listSegments(filename)).toSorted((one, other) => (one.name < other.name ? -1 : 1));

  describe('an original', () => {
    it.each([
      ['in one chunk', [Buffer.from('audio')]],
      ['in many chunks, some of them empty', ['a', '', 'ud', '', 'io'].map((text) => Buffer.from(text))],
      ['of no bytes', []],
      ['of many MiB', Array.from({ length: 40 }, (_, n) => Buffer.alloc(MIB, n))],
    ])('that comes %s is stored whole, counted and hashed', async (_what, chunks) => {
      const whole = Buffer.concat(chunks);
      const { upload, bytes, sha256: hash } = await receive(streamOf(...chunks));
      expect(bytes).toBe(whole.length);
      expect(hash).toBe(sha256(whole));
      expect(whole.equals(await contentOf(upload))).toBe(true);
      expect(await uploadsOf()).toEqual([upload]);
    });

    it('is durable', async () => {
      const { upload } = await receive(streamOf(Buffer.from('audio')));
      const next = await reopen();
      expect(await uploadsOf(next)).toEqual([upload]);
      expect(String(await contentOf(upload, next))).toBe('audio');
    });

    it('has a name of its own, also where others of equal bytes come at once', async () => {
      const received = await Promise.all(
        Array.from({ length: 5 }, () => receive(streamOf(Buffer.from('equal')))),
      );
      const names = received.map(({ upload }) => upload).sort();
      expect(new Set(names).size).toBe(5);
      expect((await uploadsOf()).sort()).toEqual(names);
    });

    it.each([
      ['before its first byte', []],
      ['half-way', [Buffer.alloc(100_000)]],
      ['after much of it was written', Array.from({ length: 34 }, () => Buffer.alloc(MIB))],
    ])('whose stream fails %s leaves nothing, and says why', async (_what, chunks) => {
      await expect(receive(failingAfter(...chunks))).rejects.toThrow('the client went away');
      expect(await uploadsOf()).toEqual([]);
    });

    it('is not there before it is whole, also when the server is killed meanwhile', async () => {
      let during: string[][] = [];
      async function* watched() {
        yield Buffer.from('half');
        during = [await uploadsOf(), await uploadsOf(await reopen())];
        throw new Error('killed');
      }
      await expect(receive(watched())).rejects.toThrow('killed');
      expect(during).toEqual([[], []]);
    });

    it('is gone once it is removed, however often', async () => {
      const { upload } = await receive(streamOf(Buffer.from('audio')));
      const other = await receive(streamOf(Buffer.from('other')));
      await storage.removeUpload(upload);
      await storage.removeUpload(upload);
      expect(await uploadsOf()).toEqual([other.upload]);
      await expect(contentOf(upload)).rejects.toThrow();
    });

    it('has no path where it never was', async () => {
      await expect(contentOf('00000000-0000-4000-8000-000000000000.upload')).rejects.toThrow();
    });
  });

  describe('an upload that arrives', () => {
    const { signal } = new AbortController();
    /** Reads to the end, by the chunks in which the bytes come. */
    const followed = async (arriving: ArrivingUpload) => {
      const chunks: Buffer[] = [];
      for await (const chunk of arriving.follow({ signal })) chunks.push(chunk);
      return Buffer.concat(chunks);
    };

    it('is read behind its writer to its end, by any number of readers', async () => {
      const arriving = await storage.beginUpload();
      const readers = [followed(arriving), followed(arriving)];
      const chunks = Array.from({ length: 20 }, (_, n) => Buffer.alloc(50_000, n));
      for (const chunk of chunks) await arriving.write(chunk);
      expect(arriving.bytes).toBe(1_000_000);
      readers.push(followed(arriving));
      await (await arriving.finish()).durable;
      readers.push(followed(arriving));
      for (const read of await Promise.all(readers)) expect(read.equals(Buffer.concat(chunks))).toBe(true);
    });

    it('gives its reader bytes as soon as they have come', async () => {
      const arriving = await storage.beginUpload();
      const chunks = arriving.follow({ signal })[Symbol.asyncIterator]();
      const first = chunks.next();
      await arriving.write(Buffer.from('early'));
      expect(String((await first).value)).toBe('early');
      await arriving.write(Buffer.from('later'));
      expect(String((await chunks.next()).value)).toBe('later');
      await arriving.finish();
      expect((await chunks.next()).done).toBe(true);
    });

    it('that is discarded ends its readers, and leaves nothing', async () => {
      const arriving = await storage.beginUpload();
      await arriving.write(Buffer.from('half'));
      const givenUp = expect(followed(arriving)).rejects.toThrow('given up');
      await arriving.discard();
      await arriving.discard();
      await givenUp;
      expect(await uploadsOf()).toEqual([]);
    });

    it('stays where it is discarded after it was finished', async () => {
      const arriving = await storage.beginUpload();
      await arriving.write(Buffer.from('whole'));
      const { upload } = await arriving.finish();
      await arriving.discard();
      expect(String(await contentOf(upload))).toBe('whole');
      expect(upload).toBe(arriving.upload);
    });

    it('ends a reader by its signal, with its reason', async () => {
      const arriving = await storage.beginUpload();
      const left = new Error('the reader has left');
      const reader = new AbortController();
      const next = arriving.follow(reader)[Symbol.asyncIterator]().next();
      reader.abort(left);
      await expect(next).rejects.toBe(left);
      await arriving.discard();
    });

    it('is a file for a tool while it comes', async () => {
      const arriving = await storage.beginUpload();
      await arriving.write(Buffer.from('half'));
      expect(await arriving.usingArrived((file) => readFile(file, 'utf8'))).toBe('half');
      await arriving.discard();
    });
  });

  it('tells when an original was stored, whether it has a copy, and which are there', async () => {
    const before = Date.now() - 2000;
    const { upload } = await receive(streamOf(Buffer.from('audio')));
    await storage.makeSeekableCopy(upload, (file) => writeFile(file, 'copy'));
    const [listed] = await storage.listUploads();
    expect(listed).toMatchObject({ upload, hasSeekableCopy: true });
    expect(await listed?.changedAt()).toBeGreaterThan(before);
    expect(await storage.hasUpload(upload)).toBe(true);
    expect(
      await storage.usingSource({ upload, hasSeekableCopy: true }, (file) => readFile(file, 'utf8')),
    ).toBe('copy');
    await storage.removeSeekableCopy(upload);
    expect((await storage.listUploads())[0]?.hasSeekableCopy).toBe(false);
    await storage.removeUpload(upload);
    expect(await storage.hasUpload(upload)).toBe(false);
  });

  describe('staged segments', () => {
    it('are adopted under other names; the rest is discarded', async () => {
      const stage = await storage.stage();
      await stage.put('0-1', Buffer.from('one'));
      await stage.put('0-2', Buffer.from('two'));
      await stage.put('0-3', Buffer.from('three'));
      expect(await homesOf()).toEqual([]);
      await stage.adopt(
        'audio.mp3',
        new Map([
          ['0-1', FIRST],
          ['0-2', SECOND],
        ]),
      );
      expect(await storage.syncSegments('audio.mp3', [FIRST, SECOND])).toEqual([]);
      await stage.discard();
      await stage.discard();
      const next = await reopen();
      expect(await next.readSegment('audio.mp3', FIRST)).toEqual(Buffer.from('one'));
      expect(await next.readSegment('audio.mp3', SECOND)).toEqual(Buffer.from('two'));
      expect(await sorted('audio.mp3')).toHaveLength(2);
    });

    it('are gone after a kill', async () => {
      const stage = await storage.stage();
      await stage.put('0-1', Buffer.from('one'));
      const next = await reopen();
      expect(await homesOf(next)).toEqual([]);
      await expect(stage.adopt('audio.mp3', new Map([['0-1', FIRST]]))).rejects.toThrow();
    });

    it('reach nothing by a hostile name', async () => {
      const stage = await storage.stage();
      await stage.put('0-1', Buffer.from('one'));
      for (const name of ['', '..', '../victim', '/', '\0']) {
        await expect(async () => stage.put(name, Buffer.from('dead'))).rejects.toThrow();
        await expect(async () => stage.adopt('audio.mp3', new Map([['0-1', name]]))).rejects.toThrow();
        await expect(async () => stage.adopt(name, new Map([['0-1', FIRST]]))).rejects.toThrow();
      }
      await stage.discard();
    });
  });

  describe('a segment', () => {
    it('is read as it was put', async () => {
      const bytes = Buffer.from([0, 255, 1, 2]);
      await storage.putSegment('audio.mp3', FIRST, bytes);
      expect(await storage.readSegment('audio.mp3', FIRST)).toEqual(bytes);
    });

    it('is listed with its size', async () => {
      expect(await storage.listSegments('audio.mp3')).toEqual([]);
      await storage.putSegment('audio.mp3', FIRST, Buffer.alloc(10));
      await storage.putSegment('audio.mp3', SECOND, Buffer.alloc(20));
      expect(await sorted('audio.mp3')).toEqual([
        { name: FIRST, bytes: 10 },
        { name: SECOND, bytes: 20 },
      ]);
    });

    it('is left out of the list where it is removed while the list is made', async () => {
      const names = Array.from({ length: 100 }, (_, n) =>
        FIRST.replace('00001', String(n + 1).padStart(5, '0')),
      );
      for (const name of names) await storage.putSegment('audio.mp3', name, Buffer.alloc(10));
      const lists = Array.from({ length: 5 }, () => storage.listSegments('audio.mp3'));
      await Promise.all(names.map((name) => storage.removeSegment('audio.mp3', name)));
      for (const list of await Promise.all(lists)) expect(list.length).toBeLessThanOrEqual(100);
    });

    it('is durable once its track is synced', async () => {
      await storage.putSegment('Grüße-हिन्दी.mp3', FIRST, Buffer.from('one'));
      await storage.syncSegments('Grüße-हिन्दी.mp3', [FIRST]);
      const next = await reopen();
      expect(await next.readSegment('Grüße-हिन्दी.mp3', FIRST)).toEqual(Buffer.from('one'));
      expect(await homesOf(next)).toEqual(['Grüße-हिन्दी.mp3']);
    });

    it('is missed by the sync where it is not stored', async () => {
      await storage.putSegment('audio.mp3', FIRST, Buffer.from('one'));
      await storage.putSegment('other.mp3', SECOND, Buffer.from('two'));
      expect(await storage.syncSegments('audio.mp3', [FIRST, SECOND])).toEqual([SECOND]);
      await storage.removeHome('audio.mp3');
      expect(await storage.syncSegments('audio.mp3', [FIRST, SECOND])).toEqual([FIRST, SECOND]);
    });

    it('belongs to its track only', async () => {
      await storage.putSegment('audio.mp3', FIRST, Buffer.from('one'));
      await storage.putSegment('other.mp3', FIRST, Buffer.from('two'));
      expect(await storage.readSegment('other.mp3', FIRST)).toEqual(Buffer.from('two'));
      expect(await homesOf()).toEqual(['audio.mp3', 'other.mp3']);
    });

    it.each([
      ['the track', 'other.mp3', FIRST],
      ['the segment', 'audio.mp3', SECOND],
      ['a name that is too long for any', 'audio.mp3', 'a'.repeat(300)],
    ])('is undefined where there is none: %s', async (_what, filename, name) => {
      await storage.putSegment('audio.mp3', FIRST, Buffer.from('one'));
      expect(await storage.readSegment(filename, name)).toBeUndefined();
    });

    it('is never seen half written, neither read nor listed', async () => {
      const versions = Array.from({ length: 10 }, (_, n) => Buffer.alloc(100_000 + n, n));
      await storage.putSegment('audio.mp3', FIRST, versions[0] as Buffer);
      let putting = true;
      const put = (async () => {
        for (const version of versions) await storage.putSegment('audio.mp3', FIRST, version);
      })().finally(() => {
        putting = false;
      });
      while (putting) {
        const read = (await storage.readSegment('audio.mp3', FIRST)) as Buffer;
        expect(read.equals(Buffer.alloc(read.length, read.length - 100_000))).toBe(true);
        const [listed, ...more] = await storage.listSegments('audio.mp3');
        expect([listed?.name, more]).toEqual([FIRST, []]);
        expect(listed?.bytes).toBeGreaterThanOrEqual(100_000);
      }
      await put;
    });

    it('is gone once it is removed, however often; others stay', async () => {
      await storage.putSegment('audio.mp3', FIRST, Buffer.from('one'));
      await storage.putSegment('audio.mp3', SECOND, Buffer.from('two'));
      await storage.removeSegment('audio.mp3', FIRST);
      await storage.removeSegment('audio.mp3', FIRST);
      expect(await storage.listSegments('audio.mp3')).toEqual([{ name: SECOND, bytes: 3 }]);
      await expect(storage.removeSegment('never.mp3', FIRST)).resolves.toBeUndefined();
    });

    it('is gone with all others of its track, those of other tracks stay', async () => {
      for (const filename of ['audio.mp3', 'audio.mp3-2']) {
        await storage.putSegment(filename, FIRST, Buffer.from('one'));
        await storage.putSegment(filename, SECOND, Buffer.from('two'));
      }
      await storage.removeHome('audio.mp3');
      await storage.removeHome('audio.mp3');
      expect(await homesOf()).toEqual(['audio.mp3-2']);
      expect(await storage.listSegments('audio.mp3-2')).toHaveLength(2);
      expect(await storage.readSegment('audio.mp3', FIRST)).toBeUndefined();
    });
  });

  describe('a hostile name', () => {
    let victim: string;
    beforeEach(async () => {
      await storage.putSegment('victim.mp3', FIRST, Buffer.from('alive'));
      await storage.putSegment('audio.mp3', FIRST, Buffer.from('alive'));
      ({ upload: victim } = await receive(streamOf(Buffer.from('alive'))));
    });

    /** Tries everything that a name can be used for; only a read may find nothing instead of being refused. */
    const attack = async (filename: string, name: string) => {
      await expect(async () => storage.putSegment(filename, name, Buffer.from('dead'))).rejects.toThrow();
      const attempts = await Promise.allSettled([
        (async () => storage.readSegment(filename, name))(),
        (async () => storage.removeSegment(filename, name))(),
      ]);
      expect(attempts[0].status === 'fulfilled' && attempts[0].value).toBeFalsy();
      await expectVictimsAlive();
    };

    const expectVictimsAlive = async () => {
      expect(await uploadsOf()).toEqual([victim]);
      expect(String(await contentOf(victim))).toBe('alive');
      expect(await homesOf()).toEqual(['audio.mp3', 'victim.mp3']);
      for (const filename of ['audio.mp3', 'victim.mp3']) {
        expect(await storage.listSegments(filename)).toEqual([{ name: FIRST, bytes: 5 }]);
        expect(await storage.readSegment(filename, FIRST)).toEqual(Buffer.from('alive'));
      }
    };

    it.each([
      ...['', '.', '..', '../..', '../uploads', '../segments/victim.mp3', '/', '\0'],
      ...['audio.mp3/../..', 'audio.mp3/../victim.mp3', 'audio.mp3/..', 'victim.mp3\0'],
    ])('of a track reaches nothing: %j', async (filename) => {
      await attack(filename, FIRST);
      await expect(async () => storage.listSegments(filename)).rejects.toThrow();
      await expect(async () => storage.removeHome(filename)).rejects.toThrow();
      await expectVictimsAlive();
    });

    it.each([
      ...['', '.', '..', '../..', '../../..', '/', '\0', `${FIRST}\0`, '../../uploads/x'],
      ...[`../victim.mp3/${FIRST}`, `../../segments/victim.mp3/${FIRST}`, `x/../../victim.mp3/${FIRST}`],
    ])('of a segment reaches nothing: %j', (name) => attack('audio.mp3', name));

    it.each([
      '',
      '.',
      '..',
      '../uploads',
      '/etc/passwd',
      `../segments/victim.mp3/${FIRST}`,
      'x.upload',
      '\0',
    ])('of an original reaches nothing: %j', async (upload) => {
      await expect(async () => contentOf(upload)).rejects.toThrow();
      await expect(async () => storage.removeUpload(upload)).rejects.toThrow();
      await expectVictimsAlive();
    });
  });

  it('has nothing of what has not arrived, and leaves it to arrive', async () => {
    const arriving = await storage.beginUpload();
    const chunks = Array.from({ length: 20 }, (_, n) => Buffer.alloc(MIB, n));
    for (const chunk of chunks) await arriving.write(chunk);
    expect(await uploadsOf()).toEqual([]);
    expect(await storage.hasUpload(arriving.upload)).toBe(false);
    expect(await storage.sweepUnfinished({ ageMs: 3_600_000 })).toBe(0);
    await (await arriving.finish()).durable;
    expect(await storage.hasUpload(arriving.upload)).toBe(true);
    expect((await contentOf(arriving.upload)).equals(Buffer.concat(chunks))).toBe(true);
  });

  it('begins empty where a home comes again, whatever its first life had', async () => {
    await storage.putSegment('audio.mp3', FIRST, Buffer.from('one'));
    await storage.removeHome('audio.mp3');
    await storage.putSegment('audio.mp3', SECOND, Buffer.from('two'));
    expect(await storage.listSegments('audio.mp3')).toEqual([{ name: SECOND, bytes: 3 }]);
    expect(await storage.readSegment('audio.mp3', FIRST)).toBeUndefined();
    expect(await storage.syncSegments('audio.mp3', [FIRST, SECOND])).toEqual([FIRST]);
  });

  it('lists homes with the time of their last change', async () => {
    const before = Date.now() - 2000;
    await storage.putSegment('audio.mp3', FIRST, Buffer.from('one'));
    const [home] = await storage.listHomes();
    expect(await home?.changedAt()).toBeGreaterThan(before);
    await storage.removeHome('audio.mp3');
    expect(await home?.changedAt()).toBeUndefined();
  });

  it('renders a manifest with the address of its segments', async () => {
    const bases: string[] = [];
    for (const home of ['Grüße #1.mp3', '7d3f9f0e-8f4e-4b8a-9a55-6a1f6f5b3c21']) {
      await storage.putManifest(home, (segmentBase) => {
        bases.push(segmentBase);
        return '<MPD/>';
      });
      await storage.removeHome(home);
    }
    expect(bases[0]).toMatch(/^(\.\.\/)+segments\/Gr%C3%BC%C3%9Fe%20%231\.mp3\/$/);
    expect(bases[1]).toMatch(/^(\.\.\/)+segments\/7d3f9f0e-8f4e-4b8a-9a55-6a1f6f5b3c21\/$/);
    expect(await homesOf()).toEqual([]);
  });

  describe('a sidecar', () => {
    it('is stored whole, replaced, listed and removed', async () => {
      const home = await openedHome();
      expect(await storage.readSidecar(home, 'cover-1a2b3c4d-320.jpg')).toBeUndefined();
      expect(await storage.listSidecars(home)).toEqual([]);
      await storage.putSidecar(home, 'cover-1a2b3c4d-320.jpg', Buffer.from('picture'));
      await storage.putSidecar(home, 'waveform.dat', Buffer.from('first'));
      await storage.putSidecar(home, 'waveform.dat', Buffer.from('second'));
      expect(String(await (await reopen()).readSidecar(home, 'waveform.dat'))).toBe('second');
      expect((await storage.listSidecars(home)).sort()).toEqual(['cover-1a2b3c4d-320.jpg', 'waveform.dat']);
      await storage.removeSidecar(home, 'waveform.dat');
      await storage.removeSidecar(home, 'waveform.dat');
      expect(await storage.listSidecars(home)).toEqual(['cover-1a2b3c4d-320.jpg']);
      expect(await storage.readSidecar(home, 'waveform.dat')).toBeUndefined();
    });

    it('goes with its home, and is no segment', async () => {
      const home = await openedHome();
      await storage.putSegment(home, FIRST, Buffer.from('one'));
      await storage.putSidecar(home, 'pauses.json', Buffer.from('{}'));
      expect((await storage.listSegments(home)).map(({ name }) => name)).toEqual([FIRST]);
      await storage.removeHome(home);
      expect(await storage.readSidecar(home, 'pauses.json')).toBeUndefined();
      expect(await storage.listSidecars(home)).toEqual([]);
      expect(await homesOf()).toEqual([]);
    });

    it.each(['../other/pauses.json', '..', 'track.json', 'manifest.mpd'])(
      'cannot be named %s',
      async (name) => {
        const home = await openedHome();
        await expect(storage.putSidecar(home, name, Buffer.from('x'))).rejects.toThrow();
        await expect(storage.removeSidecar(home, name)).rejects.toThrow();
        await expect(storage.readSidecar(home, name)).rejects.toThrow();
      },
    );

    it('is not kept without its track', async () => {
      await storage.putSidecar('gone.mp3', 'pauses.json', Buffer.from('{}'));
      const homes = await homesOf();
      await Promise.all(homes.map((home) => storage.removeHome(home)));
      expect(await storage.readSidecar('gone.mp3', 'pauses.json')).toBeUndefined();
    });
  });

  it('takes all or nothing of its room for segments', () => {
    const segments = { bytes: 1000, files: 3 };
    expect([segments, { bytes: 0, files: 0 }]).toContainEqual(storage.takesRoom(segments));
  });

  it('knows how much room there is', async () => {
    const { bytes, files } = await storage.room();
    expect(bytes).toBeGreaterThan(0);
    expect(files).toBeGreaterThan(0);
  });

  it('can be written to, and keeps nothing of the trial', async () => {
    await expect(storage.assertWritable()).resolves.toBeUndefined();
    expect(await uploadsOf()).toEqual([]);
    expect(await homesOf()).toEqual([]);
  });
}
