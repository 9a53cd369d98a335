/** What every storage must do, wherever its bytes are: the guarantees of `src/storage/storage.ts`. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Storage } from '../../src/storage/storage.ts';

export interface StorageUnderTest {
  storage: Storage;
  /** Opens another one on the same bytes, as the next start of the server does. */
  reopen(): Promise<Storage>;
}

const MIB = 1024 * 1024;
const FIRST = 'aac-128k-3f9a2c1b-00001.m4s';
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
  beforeEach(async () => {
    ({ storage, reopen } = await open());
  });

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
      const { upload, bytes, sha256: hash } = await storage.receive(streamOf(...chunks));
      expect(bytes).toBe(whole.length);
      expect(hash).toBe(sha256(whole));
      expect(whole.equals(await readFile(await storage.uploadPath(upload)))).toBe(true);
      expect(await storage.listUploads()).toEqual([upload]);
    });

    it('is durable', async () => {
      const { upload } = await storage.receive(streamOf(Buffer.from('audio')));
      const next = await reopen();
      expect(await next.listUploads()).toEqual([upload]);
      expect(await readFile(await next.uploadPath(upload), 'utf8')).toBe('audio');
    });

    it('has a name of its own, also where others of equal bytes come at once', async () => {
      const received = await Promise.all(
        Array.from({ length: 5 }, () => storage.receive(streamOf(Buffer.from('equal')))),
      );
      const names = received.map(({ upload }) => upload).sort();
      expect(new Set(names).size).toBe(5);
      expect((await storage.listUploads()).sort()).toEqual(names);
    });

    it.each([
      ['before its first byte', []],
      ['half-way', [Buffer.alloc(100_000)]],
      ['after much of it was written', Array.from({ length: 34 }, () => Buffer.alloc(MIB))],
    ])('whose stream fails %s leaves nothing, and says why', async (_what, chunks) => {
      await expect(storage.receive(failingAfter(...chunks))).rejects.toThrow('the client went away');
      expect(await storage.listUploads()).toEqual([]);
    });

    it('is not there before it is whole, also when the server is killed meanwhile', async () => {
      let during: string[][] = [];
      async function* watched() {
        yield Buffer.from('half');
        during = [await storage.listUploads(), await (await reopen()).listUploads()];
        throw new Error('killed');
      }
      await expect(storage.receive(watched())).rejects.toThrow('killed');
      expect(during).toEqual([[], []]);
    });

    it('is gone once it is removed, however often', async () => {
      const { upload } = await storage.receive(streamOf(Buffer.from('audio')));
      const other = await storage.receive(streamOf(Buffer.from('other')));
      await storage.removeUpload(upload);
      await storage.removeUpload(upload);
      expect(await storage.listUploads()).toEqual([other.upload]);
      await expect(storage.uploadPath(upload)).rejects.toThrow();
    });

    it('has no path where it never was', async () => {
      await expect(storage.uploadPath('00000000-0000-4000-8000-000000000000.upload')).rejects.toThrow();
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
      await storage.syncSegments('Grüße-हिन्दी.mp3');
      const next = await reopen();
      expect(await next.readSegment('Grüße-हिन्दी.mp3', FIRST)).toEqual(Buffer.from('one'));
      expect(await next.listSegmentFolders()).toEqual(['Grüße-हिन्दी.mp3']);
    });

    it('belongs to its track only', async () => {
      await storage.putSegment('audio.mp3', FIRST, Buffer.from('one'));
      await storage.putSegment('other.mp3', FIRST, Buffer.from('two'));
      expect(await storage.readSegment('other.mp3', FIRST)).toEqual(Buffer.from('two'));
      expect((await storage.listSegmentFolders()).sort()).toEqual(['audio.mp3', 'other.mp3']);
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
      await storage.removeSegments('audio.mp3');
      await storage.removeSegments('audio.mp3');
      expect(await storage.listSegmentFolders()).toEqual(['audio.mp3-2']);
      expect(await storage.listSegments('audio.mp3-2')).toHaveLength(2);
      expect(await storage.readSegment('audio.mp3', FIRST)).toBeUndefined();
    });
  });

  describe('a hostile name', () => {
    let victim: string;
    beforeEach(async () => {
      await storage.putSegment('victim.mp3', FIRST, Buffer.from('alive'));
      await storage.putSegment('audio.mp3', FIRST, Buffer.from('alive'));
      ({ upload: victim } = await storage.receive(streamOf(Buffer.from('alive'))));
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
      expect(await storage.listUploads()).toEqual([victim]);
      expect(await readFile(await storage.uploadPath(victim), 'utf8')).toBe('alive');
      expect((await storage.listSegmentFolders()).sort()).toEqual(['audio.mp3', 'victim.mp3']);
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
      await expect(async () => storage.removeSegments(filename)).rejects.toThrow();
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
      await expect(async () => storage.uploadPath(upload)).rejects.toThrow();
      await expect(async () => storage.removeUpload(upload)).rejects.toThrow();
      await expectVictimsAlive();
    });
  });

  it('knows how much room there is', async () => {
    const { bytes, files } = await storage.room();
    expect(bytes).toBeGreaterThan(0);
    expect(files).toBeGreaterThan(0);
  });

  it('can be written to, and keeps nothing of the trial', async () => {
    await expect(storage.assertWritable()).resolves.toBeUndefined();
    expect(await storage.listUploads()).toEqual([]);
    expect(await storage.listSegmentFolders()).toEqual([]);
  });
}
