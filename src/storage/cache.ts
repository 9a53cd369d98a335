/**
 * Hot segments in memory, in front of a storage. A published segment never changes, so nothing here is ever stale; what
 * is removed from the storage is removed from here first.
 */
import { LRUCache } from 'lru-cache';
import type { Storage } from './storage.ts';

/** What has gone from here is still in memory until V8 next looks for it: the rest is for that. */
const KEPT_SHARE = 0.7;

export interface CacheOptions {
  /** Memory for all of it; 0 keeps none. The least recently asked for go first. */
  maxBytes: number;
  /** What is not whole is taken for missing. */
  isWhole(bytes: Buffer): boolean;
}

/**
 * Any number of simultaneous first requests for a segment read it once; one that was just published is here already.
 */
export function cacheSegments(storage: Storage, { maxBytes, isWhole }: CacheOptions): Storage {
  const hot = new LRUCache<string, Buffer>({
    maxSize: Math.max(1, Math.floor(maxBytes * KEPT_SHARE)),
    sizeCalculation: (bytes) => Math.max(1, bytes.length),
  });
  /** Reads under way. One that is no longer listed here was overtaken by a change, and is not kept. */
  const reading = new Map<string, Promise<Buffer | undefined>>();

  // No name has a slash.
  const keyOf = (filename: string, name: string) => `${filename}/${name}`;

  const startReading = (key: string, filename: string, name: string) => {
    const isCurrent = () => reading.get(key) === underWay;
    const underWay = storage
      .readSegment(filename, name)
      .then((bytes) => {
        if (!bytes || !isWhole(bytes)) return undefined;
        if (isCurrent()) hot.set(key, bytes);
        return bytes;
      })
      .finally(() => {
        if (isCurrent()) reading.delete(key);
      });
    reading.set(key, underWay);
    return underWay;
  };

  const drop = (key: string) => {
    hot.delete(key);
    reading.delete(key);
  };

  return {
    ...storage,
    hotSegment: (filename, name) => hot.get(keyOf(filename, name)),
    async readSegment(filename, name) {
      const key = keyOf(filename, name);
      return hot.get(key) ?? reading.get(key) ?? startReading(key, filename, name);
    },
    async putSegment(filename, name, bytes) {
      await storage.putSegment(filename, name, bytes);
      const key = keyOf(filename, name);
      reading.delete(key);
      hot.set(key, bytes);
    },
    async removeSegment(filename, name) {
      drop(keyOf(filename, name));
      await storage.removeSegment(filename, name);
      // Again: somebody may have read it in between.
      drop(keyOf(filename, name));
    },
    async removeSegments(filename) {
      const dropAll = () => {
        const prefix = keyOf(filename, '');
        for (const keys of [hot.keys(), reading.keys()])
          for (const key of [...keys]) if (key.startsWith(prefix)) drop(key);
      };
      dropAll();
      await storage.removeSegments(filename);
      dropAll();
    },
  };
}
