/**
 * Keeps segments in memory, in front of a storage. A published segment never changes, so a cached one is never stale. A
 * segment leaves the cache before it is removed from the storage.
 */
import { LRUCache } from 'lru-cache';
import { createSingleFlight } from '../concurrency/single-flight.ts';
import { inOwnMemory } from '../own-memory.ts';
import type { Storage } from './storage.ts';
import { createTrackMap } from './track-map.ts';

/** Part of the limit that is filled. V8 frees evicted segments only at its next collection; the rest is for those. */
const KEPT_SHARE = 0.65;
/**
 * Bytes that an entry takes beside its segment: the `Buffer` and its backing store, its place in the cache and in the
 * index, and the headers of its answers. Measured as resident memory: 1,600 to 1,750.
 */
const ENTRY_BYTES = 1700;

export interface CacheOptions {
  /** Bytes of memory for all entries; 0 keeps none. The least recently used leave first. */
  maxBytes: number;
  /** A segment that is not whole counts as missing. */
  isWhole(bytes: Buffer): boolean;
}

/** Reads a segment once for all requests that arrive meanwhile. A published segment is cached at once. */
export function cacheSegments(storage: Storage, { maxBytes, isWhole }: CacheOptions): Storage {
  const hot = new LRUCache<string, Buffer>({
    maxSize: Math.max(1, Math.floor(maxBytes * KEPT_SHARE)),
    sizeCalculation: (bytes, key) => bytes.length + key.length + ENTRY_BYTES,
    dispose: (_bytes, key, reason) => {
      if (reason !== 'set') cached.delete(...trackAndName(key));
    },
  });
  /** What is in `hot`, by track. */
  const cached = createTrackMap<true>();
  /** Reads under way, by the keys of `hot`. A read that a change has overtaken is forgotten; its bytes are not cached. */
  const reads = createSingleFlight<string, Buffer | undefined>();

  const keep = (filename: string, name: string, bytes: Buffer) => {
    const key = keyOf(filename, name);
    hot.set(key, bytes);
    // The cache does not take a segment that is larger than itself.
    if (hot.has(key)) cached.set(filename, name, true);
    else cached.delete(filename, name);
  };

  const readOnce = (filename: string, name: string) =>
    reads.run(keyOf(filename, name), async (isCurrent) => {
      const bytes = await storage.readSegment(filename, name);
      if (!bytes || !isWhole(bytes)) return undefined;
      const own = inOwnMemory(bytes);
      if (isCurrent()) keep(filename, name, own);
      return own;
    });

  const drop = (filename: string, name: string) => {
    hot.delete(keyOf(filename, name));
    reads.forget(keyOf(filename, name));
  };
  const dropTrack = (filename: string) => {
    for (const name of [...cached.names(filename)]) drop(filename, name);
    for (const key of reads.keys()) if (trackAndName(key)[0] === filename) reads.forget(key);
  };

  return {
    ...storage,
    cachedSegment: (filename, name) => hot.get(keyOf(filename, name)),
    async readSegment(filename, name) {
      return hot.get(keyOf(filename, name)) ?? readOnce(filename, name);
    },
    async putSegment(filename, name, bytes) {
      await storage.putSegment(filename, name, bytes);
      reads.forget(keyOf(filename, name));
      keep(filename, name, inOwnMemory(bytes));
    },
    async removeSegment(filename, name) {
      drop(filename, name);
      await storage.removeSegment(filename, name);
      // Again: a request may have read it in between.
      drop(filename, name);
    },
    async removeSegments(filename) {
      dropTrack(filename);
      await storage.removeSegments(filename);
      dropTrack(filename);
    },
  };
}

/** A file name holds no slash. */
function keyOf(filename: string, name: string): string {
  return `${filename}/${name}`;
}

function trackAndName(key: string): [filename: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
