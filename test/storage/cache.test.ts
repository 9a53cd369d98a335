import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { cacheSegments } from '../../src/storage/cache.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { storageContract } from '../contracts/storage.ts';
import { temporaryFolder } from '../support/folders.ts';

const isWhole = (bytes: Buffer) => bytes.toString() !== 'cut';
const NAME = 'aac-128k-3f9a2c1b-00001.m4s';
const OTHER = 'aac-128k-3f9a2c1b-00002.m4s';

/** Segments of a storage, without a disk: these tests store thousands. */
function inMemory(storage: Storage): Storage {
  const stored = new Map<string, Buffer>();
  return {
    ...storage,
    putSegment: async (filename, name, bytes) => void stored.set(`${filename}/${name}`, bytes),
    readSegment: async (filename, name) => stored.get(`${filename}/${name}`),
    removeSegment: async (filename, name) => void stored.delete(`${filename}/${name}`),
    syncSegments: async (home, names) => [...names].filter((name) => !stored.has(`${home}/${name}`)),
    async removeHome(home) {
      for (const key of [...stored.keys()]) if (key.startsWith(`${home}/`)) stored.delete(key);
    },
  };
}

describe('a storage behind the cache', () => {
  storageContract(async () => {
    const folder = await temporaryFolder();
    const open = async () =>
      cacheSegments(await openDiskStorage(folder), { maxBytes: 1_000_000, isWhole: () => true });
    const openHome = (home: string) => mkdir(path.join(folder, 'manifests', home), { recursive: true });
    return { storage: await open(), reopen: open, openHome };
  });
});

describe('cached segments', () => {
  async function cached(maxBytes = 100_000) {
    const disk = inMemory(await openDiskStorage(await temporaryFolder()));
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
    expect(storage.cachedSegment('a.mp3', NAME)).toBeUndefined();
    const all = await Promise.all(Array.from({ length: 1000 }, () => storage.readSegment('a.mp3', NAME)));
    expect(new Set(all).size).toBe(1);
    expect(all[0]?.toString()).toBe('bytes');
    expect(storage.cachedSegment('a.mp3', NAME)).toBe(all[0]);
    await storage.readSegment('a.mp3', NAME);
    expect(reads).toEqual([`a.mp3/${NAME}`]);
  });

  it('are there once they are published', async () => {
    const { reads, storage } = await cached();
    const bytes = Buffer.from('fresh');
    await storage.putSegment('a.mp3', NAME, bytes);
    const found = storage.cachedSegment('a.mp3', NAME);
    expect(found).toEqual(bytes);
    expect(await storage.readSegment('a.mp3', NAME)).toBe(found);
    expect(reads).toEqual([]);
  });

  it('take no more room than they may; the least recently asked for go first', async () => {
    const { storage } = await cached(55_000);
    const names = Array.from({ length: 10 }, (_, n) => NAME.replace('00001', `0001${n}`));
    for (const name of names) {
      await storage.putSegment('a.mp3', name, Buffer.alloc(9_500, name));
      storage.cachedSegment('a.mp3', names[0] as string);
    }
    const found = names.filter((name) => storage.cachedSegment('a.mp3', name));
    expect(found).toEqual([names[0], names[8], names[9]]);
    await storage.putSegment('a.mp3', NAME, Buffer.alloc(60_000));
    expect(storage.cachedSegment('a.mp3', NAME)).toBeUndefined();
    expect((await storage.readSegment('a.mp3', NAME))?.length).toBe(60_000);
  });

  it('keep no more memory than the limit, where each is cut from a slab that Node shares out', async () => {
    const maxBytes = 1_000_000;
    const { storage } = await cached(maxBytes);
    const names = Array.from({ length: 2000 }, (_, n) => NAME.replace('00001', String(10_000 + n)));
    for (const name of names) {
      // Near-silent audio, as the cutter joins it from two boxes; other buffers of the pool lie between two segments.
      const bytes = Buffer.concat([Buffer.alloc(300, 1), Buffer.alloc(1100, name)]);
      expect(bytes.buffer.byteLength).toBeGreaterThan(bytes.length);
      Buffer.allocUnsafe(3000);
      await storage.putSegment('a.mp3', name, bytes);
    }
    const found = names.flatMap((name) => storage.cachedSegment('a.mp3', name) ?? []);
    const memories = new Set(found.map(({ buffer }) => buffer));
    const retained = [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0);
    // Each entry takes more than a kilobyte beside its bytes.
    expect(retained + 1000 * found.length).toBeLessThan(maxBytes);
    expect(found.length).toBeGreaterThan(200);
    expect(found.at(-1)?.toString('latin1', 300)).toBe(Buffer.alloc(1100, names.at(-1)).toString('latin1'));
  });

  it('of a track are dropped without a walk through those of all others', async () => {
    const msToDrop = async (others: number) => {
      const { disk } = await cached();
      const fast = { ...disk, removeHome: async () => {} };
      const storage = cacheSegments(fast, { maxBytes: 1e9, isWhole });
      for (let n = 0; n < others; n++) await storage.putSegment('other.mp3', `${n}`, Buffer.alloc(1));
      const begin = performance.now();
      for (let n = 0; n < 300; n++) await storage.removeHome(`track-${n}.mp3`);
      return performance.now() - begin;
    };
    const few = await msToDrop(10);
    // The walk made it 500 times as long.
    expect(await msToDrop(50_000)).toBeLessThan(20 * few + 20);
  });

  it('are none where none are to be kept', async () => {
    const { storage, reads } = await cached(0);
    await storage.putSegment('a.mp3', NAME, Buffer.from('bytes'));
    await storage.readSegment('a.mp3', NAME);
    await storage.readSegment('a.mp3', NAME);
    expect(storage.cachedSegment('a.mp3', NAME)).toBeUndefined();
    expect(reads).toHaveLength(2);
  });

  it('go with their track, and with their segment', async () => {
    const { storage } = await cached();
    for (const filename of ['a.mp3', 'a.mp3x', 'b.mp3'])
      for (const name of [NAME, OTHER]) await storage.putSegment(filename, name, Buffer.from('bytes'));
    await storage.removeHome('a.mp3');
    await storage.removeSegment('b.mp3', NAME);
    expect(await storage.readSegment('a.mp3', NAME)).toBeUndefined();
    const isHot = (filename: string, name: string) => storage.cachedSegment(filename, name) !== undefined;
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
    await storage.removeHome('a.mp3');
    await read;
    expect(storage.cachedSegment('a.mp3', NAME)).toBeUndefined();
    await storage.putSegment('a.mp3', NAME, Buffer.from('new'));
    expect((await storage.readSegment('a.mp3', NAME))?.toString()).toBe('new');
  });

  it('are dropped where the sync misses them', async () => {
    const { disk, storage } = await cached();
    for (const name of [NAME, OTHER]) await storage.putSegment('a.mp3', name, Buffer.from('bytes'));
    await disk.removeSegment('a.mp3', NAME);
    expect(await storage.syncSegments('a.mp3', [NAME, OTHER])).toEqual([NAME]);
    expect(storage.cachedSegment('a.mp3', NAME)).toBeUndefined();
    expect(storage.cachedSegment('a.mp3', OTHER)).toBeDefined();
  });

  it('are whole: what is cut is missing', async () => {
    const { disk, storage } = await cached();
    await disk.putSegment('a.mp3', NAME, Buffer.from('cut'));
    expect(await storage.readSegment('a.mp3', NAME)).toBeUndefined();
    expect(storage.cachedSegment('a.mp3', NAME)).toBeUndefined();
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
