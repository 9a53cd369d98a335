/**
 * Keeps segments in memory, in front of a storage. A published segment never changes, so a cached one is never stale. A
 * segment leaves the cache before it is removed from the storage.
 */
import { LRUCache } from 'lru-cache';
import { createSingleFlight } from '../concurrency/single-flight.ts';
import { inOwnMemory } from '../own-memory.ts';
import { createHomeMap } from './home-map.ts';
import type { Storage } from './storage.ts';

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
  const entries = new LRUCache<string, Buffer>({
    maxSize: Math.max(1, Math.floor(maxBytes * KEPT_SHARE)),
    sizeCalculation: (bytes, key) => bytes.length + key.length + ENTRY_BYTES,
    dispose: (_bytes, key, reason) => {
      if (reason !== 'set') namesIn.delete(...homeAndName(key));
    },
  });
  /** The names in `entries`, by home. */
  const namesIn = createHomeMap<true>();
  /** Reads under way, by the keys of `entries`. A read that a change has overtaken is forgotten; its bytes are not cached. */
  const reads = createSingleFlight<string, Buffer | undefined>();

  const keep = (home: string, name: string, bytes: Buffer) => {
    const key = keyOf(home, name);
    entries.set(key, bytes);
    // The cache does not take a segment that is larger than itself.
    if (entries.has(key)) namesIn.set(home, name, true);
    else namesIn.delete(home, name);
  };

  const readOnce = (home: string, name: string) =>
    reads.run(keyOf(home, name), async (isCurrent) => {
      const bytes = await storage.readSegment(home, name);
      if (!bytes || !isWhole(bytes)) return undefined;
      const own = inOwnMemory(bytes);
      if (isCurrent()) keep(home, name, own);
      return own;
    });

  const drop = (home: string, name: string) => {
    entries.delete(keyOf(home, name));
    reads.forget(keyOf(home, name));
  };
  const dropHome = (home: string) => {
    for (const name of [...namesIn.names(home)]) drop(home, name);
    for (const key of reads.keys()) if (homeAndName(key)[0] === home) reads.forget(key);
  };

  return {
    ...storage,
    cachedSegment: (home, name) => entries.get(keyOf(home, name)),
    async readSegment(home, name) {
      return entries.get(keyOf(home, name)) ?? readOnce(home, name);
    },
    async putSegment(home, name, bytes) {
      await storage.putSegment(home, name, bytes);
      reads.forget(keyOf(home, name));
      keep(home, name, inOwnMemory(bytes));
    },
    async syncSegments(home, names) {
      const missing = await storage.syncSegments(home, names);
      for (const name of missing) drop(home, name);
      return missing;
    },
    async removeSegment(home, name) {
      drop(home, name);
      await storage.removeSegment(home, name);
      // Again: a request may have read it in between.
      drop(home, name);
    },
    async removeHome(home) {
      dropHome(home);
      await storage.removeHome(home);
      dropHome(home);
    },
  };
}

/** A home holds no slash. */
function keyOf(home: string, name: string): string {
  return `${home}/${name}`;
}

function homeAndName(key: string): [home: string, name: string] {
  const slash = key.indexOf('/');
  return [key.slice(0, slash), key.slice(slash + 1)];
}
