import { describe, expect, it } from 'vitest';
import { cacheSegments } from '../../src/storage/cache.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { storageContract } from '../contracts/storage.ts';
import { temporaryFolder } from '../support/folders.ts';

const isWhole = (bytes: Buffer) => bytes.toString() !== 'cut';
const NAME = 'aac-128k-3f9a2c1b-00001.m4s';
const OTHER = 'aac-128k-3f9a2c1b-00002.m4s';

describe('a storage behind the cache', () => {
  storageContract(async () => {
    const folder = await temporaryFolder();
    const open = async () =>
      cacheSegments(await openDiskStorage(folder), { maxBytes: 1_000_000, isWhole: () => true });
    return { storage: await open(), reopen: open };
  });
});

describe('hot segments', () => {
  async function cached(maxBytes = 1000) {
    const disk = await openDiskStorage(await temporaryFolder());
    const reads: string[] = [];
    const counting: Storage = {
      ...disk,
      readSegment(filename, name) {
        reads.push(`${filename}/${name}`);
        return disk.readSegment(filename, name);
      },
    };
    return { disk, reads, storage: cacheSegments(counting, { maxBytes, isWhole }) };
  }

  it('are read once, however many ask at the same time', async () => {
    const { disk, reads, storage } = await cached();
    await disk.putSegment('a.mp3', NAME, Buffer.from('bytes'));
    expect(storage.hotSegment('a.mp3', NAME)).toBeUndefined();
    const all = await Promise.all(Array.from({ length: 1000 }, () => storage.readSegment('a.mp3', NAME)));
    expect(new Set(all).size).toBe(1);
    expect(all[0]?.toString()).toBe('bytes');
    expect(storage.hotSegment('a.mp3', NAME)).toBe(all[0]);
    await storage.readSegment('a.mp3', NAME);
    expect(reads).toEqual([`a.mp3/${NAME}`]);
  });

  it('are there once they are published', async () => {
    const { reads, storage } = await cached();
    const bytes = Buffer.from('fresh');
    await storage.putSegment('a.mp3', NAME, bytes);
    expect(storage.hotSegment('a.mp3', NAME)).toBe(bytes);
    expect(await storage.readSegment('a.mp3', NAME)).toBe(bytes);
    expect(reads).toEqual([]);
  });

  it('take no more room than they may; the least recently asked for go first', async () => {
    const { storage } = await cached(1300);
    const names = Array.from({ length: 10 }, (_, n) => NAME.replace('00001', `0001${n}`));
    for (const name of names) {
      await storage.putSegment('a.mp3', name, Buffer.alloc(300, name));
      storage.hotSegment('a.mp3', names[0] as string);
    }
    const hot = names.filter((name) => storage.hotSegment('a.mp3', name));
    expect(hot).toEqual([names[0], names[8], names[9]]);
    await storage.putSegment('a.mp3', NAME, Buffer.alloc(2000));
    expect(storage.hotSegment('a.mp3', NAME)).toBeUndefined();
    expect((await storage.readSegment('a.mp3', NAME))?.length).toBe(2000);
  });

  it('are none where none are to be kept', async () => {
    const { storage, reads } = await cached(0);
    await storage.putSegment('a.mp3', NAME, Buffer.from('bytes'));
    await storage.readSegment('a.mp3', NAME);
    await storage.readSegment('a.mp3', NAME);
    expect(storage.hotSegment('a.mp3', NAME)).toBeUndefined();
    expect(reads).toHaveLength(2);
  });

  it('go with their track, and with their segment', async () => {
    const { storage } = await cached();
    for (const filename of ['a.mp3', 'a.mp3x', 'b.mp3'])
      for (const name of [NAME, OTHER]) await storage.putSegment(filename, name, Buffer.from('bytes'));
    await storage.removeSegments('a.mp3');
    await storage.removeSegment('b.mp3', NAME);
    expect(await storage.readSegment('a.mp3', NAME)).toBeUndefined();
    const isHot = (filename: string, name: string) => storage.hotSegment(filename, name) !== undefined;
    expect([isHot('a.mp3', NAME), isHot('a.mp3', OTHER), isHot('b.mp3', NAME)]).toEqual([
      false,
      false,
      false,
    ]);
    expect([isHot('a.mp3x', NAME), isHot('b.mp3', OTHER)]).toEqual([true, true]);
  });

  it('are not kept where they are removed while they are read', async () => {
    const { disk, storage } = await cached();
    await disk.putSegment('a.mp3', NAME, Buffer.from('old'));
    const read = storage.readSegment('a.mp3', NAME);
    await storage.removeSegments('a.mp3');
    await read;
    expect(storage.hotSegment('a.mp3', NAME)).toBeUndefined();
    await storage.putSegment('a.mp3', NAME, Buffer.from('new'));
    expect((await storage.readSegment('a.mp3', NAME))?.toString()).toBe('new');
  });

  it('are whole: what is cut is missing', async () => {
    const { disk, storage } = await cached();
    await disk.putSegment('a.mp3', NAME, Buffer.from('cut'));
    expect(await storage.readSegment('a.mp3', NAME)).toBeUndefined();
    expect(storage.hotSegment('a.mp3', NAME)).toBeUndefined();
  });

  it('fail alike for all who wait, and are tried again by the next', async () => {
    const { disk } = await cached();
    let failures = 1;
    const storage = cacheSegments(
      {
        ...disk,
        readSegment: async () => (failures-- > 0 ? Promise.reject(new Error('EIO')) : Buffer.from('ok')),
      },
      { maxBytes: 1000, isWhole },
    );
    const all = await Promise.allSettled([1, 2, 3].map(() => storage.readSegment('a.mp3', NAME)));
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect((await storage.readSegment('a.mp3', NAME))?.toString()).toBe('ok');
  });
});
