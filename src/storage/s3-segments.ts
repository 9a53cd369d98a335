/** Segments in a bucket, and manifests. A PUT is durable at once. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fewAtATime } from '../concurrency/few-at-a-time.ts';
import { safeJoin } from '../disk/safe-join.ts';
import type { Segments } from './disk-segments.ts';
import type { Bucket } from './s3-bucket.ts';
import {
  homePrefix,
  MANIFEST_HEADERS,
  MANIFEST_SUFFIX,
  MANIFESTS,
  manifestKey,
  SEGMENT_HEADERS,
  SEGMENTS,
  SIDECARS,
  segmentKey,
  sidecarPrefix,
} from './s3-keys.ts';
import type { Scratch } from './scratch.ts';
import type { SegmentStage, Storage } from './storage.ts';
import { PRIVATE_FOLDER } from './upload-name.ts';

/** A track waits for its staged segments. They are some 65 kB each. */
const ADOPTED_AT_ONCE = 32;

export function createS3Segments(bucket: Bucket, scratch: Scratch): Segments & Pick<Storage, 'putManifest'> {
  const putSegment: Segments['putSegment'] = async (home, name, bytes) =>
    bucket.put(segmentKey(home, name), bytes, SEGMENT_HEADERS);

  const listSegments: Segments['listSegments'] = async (home) => {
    const prefix = homePrefix(home);
    return (await bucket.list(prefix)).map(({ key, bytes }) => ({ name: key.slice(prefix.length), bytes }));
  };

  const changedAt = async (home: string) => {
    const objects = [...(await bucket.list(homePrefix(home))), ...(await bucket.list(sidecarPrefix(home)))];
    return objects.length > 0 ? Math.max(...objects.map((object) => object.changedAt)) : undefined;
  };

  return {
    putSegment,
    async stage(): Promise<SegmentStage> {
      const folder = scratch.file();
      await mkdir(folder.path, { mode: PRIVATE_FOLDER }).catch(async (error: unknown) => {
        await folder.remove();
        throw error;
      });
      /** Names of segments that are wholly written. */
      const staged = new Set<string>();
      return {
        async put(name, bytes) {
          await writeFile(safeJoin(folder.path, name), bytes);
          folder.grew(bytes.length);
          staged.add(name);
        },
        async adopt(home, names) {
          homePrefix(home);
          await fewAtATime(names, ADOPTED_AT_ONCE, async ([from, name]) => {
            if (!staged.has(from)) throw new Error(`no segment "${from}" is staged`);
            const file = safeJoin(folder.path, from);
            await putSegment(home, name, await readFile(file));
            await rm(file);
            staged.delete(from);
          });
        },
        discard: () => folder.remove(),
      };
    },
    async syncSegments(home, names) {
      const stored = new Set((await listSegments(home)).map(({ name }) => name));
      return [...names].filter((name) => !stored.has(name));
    },
    cachedSegment: () => undefined,
    async readSegment(home, name) {
      return bucket.get(segmentKey(home, name));
    },
    listSegments,
    async removeSegment(home, name) {
      await bucket.remove(segmentKey(home, name));
    },
    async removeHome(home) {
      const manifest = manifestKey(home);
      await bucket.removeAll(homePrefix(home));
      await bucket.removeAll(sidecarPrefix(home));
      await bucket.remove(manifest);
    },
    async listHomes() {
      const homes = new Set(await bucket.listFolders(SEGMENTS));
      for (const home of await bucket.listFolders(SIDECARS)) homes.add(home);
      for (const { key } of await bucket.list(MANIFESTS)) {
        homes.add(key.slice(MANIFESTS.length, -MANIFEST_SUFFIX.length));
      }
      return [...homes].map((home) => ({ home, changedAt: () => changedAt(home) }));
    },
    async putManifest(home, render) {
      await bucket.put(
        manifestKey(home),
        render(`../${homePrefix(encodeURIComponent(home))}`),
        MANIFEST_HEADERS,
      );
    },
  };
}
