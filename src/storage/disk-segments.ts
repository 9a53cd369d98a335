/** Segments on disk: `segments/<home>/<segment name>`. */
import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { readPublished } from '../disk/read.ts';
import { safeJoin } from '../disk/safe-join.ts';
import { syncFolder, TEMPORARY_PREFIX, writeFileAtomic } from '../disk/write-atomic.ts';
import { absentAs, changedAt } from './absent.ts';
import type { Storage, StoredSegment } from './storage.ts';

const STATS_AT_ONCE = 64;

export type Segments = Pick<
  Storage,
  | 'putSegment'
  | 'stage'
  | 'syncSegments'
  | 'cachedSegment'
  | 'readSegment'
  | 'listSegments'
  | 'removeSegment'
  | 'removeHome'
  | 'listHomes'
>;

/** @param root absolute; made when missing. */
export async function openSegments(root: string): Promise<Segments> {
  await mkdir(root, { recursive: true });
  return segmentsIn(root);
}

/** Changes nothing before it is asked to. @param root absolute. */
export function segmentsIn(root: string): Segments {
  const folderOf = (home: string) => safeJoin(root, home);
  const fileOf = (home: string, name: string) => safeJoin(root, home, name);

  return {
    async putSegment(home, name, bytes) {
      await mkdir(folderOf(home), { recursive: true });
      await writeFileAtomic(fileOf(home, name), bytes, root);
    },
    async stage() {
      // A library that opens removes what has this prefix.
      const stage = path.join(root, `${TEMPORARY_PREFIX}stage-${randomUUID()}`);
      await mkdir(stage);
      return {
        put: (name, bytes) => writeFileAtomic(safeJoin(stage, name), bytes),
        async adopt(home, names) {
          await mkdir(folderOf(home), { recursive: true });
          for (const [staged, name] of names) await rename(safeJoin(stage, staged), fileOf(home, name));
        },
        discard: () => rm(stage, { recursive: true, force: true }),
      };
    },
    async syncSegments(home, names) {
      const folder = folderOf(home);
      await absentAs(undefined, syncFolder(folder));
      await syncFolder(root);
      const stored = new Set(await absentAs([], readdir(folder)));
      return [...names].filter((name) => !stored.has(name));
    },
    cachedSegment: () => undefined,
    readSegment: async (home, name) => absentAs(undefined, readPublished(fileOf(home, name))),
    async listSegments(home) {
      const folder = folderOf(home);
      const names = (await absentAs([], readdir(folder))).filter(
        (name) => !name.startsWith(TEMPORARY_PREFIX),
      );
      const listed: StoredSegment[] = [];
      // One by one, the 27,000 segments of a long track take seconds.
      for (let at = 0; at < names.length; at += STATS_AT_ONCE) {
        const sizes = names.slice(at, at + STATS_AT_ONCE).map(async (name): Promise<StoredSegment[]> => {
          const stats = await absentAs(undefined, stat(path.join(folder, name)));
          // A segment that was removed since the folder was read is not stored.
          return stats ? [{ name, bytes: stats.size }] : [];
        });
        listed.push(...(await Promise.all(sizes)).flat());
      }
      return listed;
    },
    removeSegment: async (home, name) => rm(fileOf(home, name), { force: true }),
    removeHome: async (home) => rm(folderOf(home), { recursive: true, force: true }),
    async listHomes() {
      const entries = await readdir(root, { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory() && !entry.name.startsWith(TEMPORARY_PREFIX))
        .map(({ name }) => ({ home: name, changedAt: () => changedAt(path.join(root, name)) }));
    },
  };
}
