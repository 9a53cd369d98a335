/** Scratch space of one node, limited in bytes: files that are in use or being made, and files that make way for them. */
import { randomUUID } from 'node:crypto';
import { mkdir, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { withFile } from '../disk/write-atomic.ts';
import { absentAs } from './absent.ts';
import type { Room } from './storage.ts';
import { PRIVATE_FILE, PRIVATE_FOLDER } from './upload-name.ts';

/** Part of what the disk could give that is filled, where that is less than the limit. */
const DISK_SHARE = 0.8;
/** A file that grows is looked at each time it has grown by so much. */
const LOOK_EVERY_BYTES = 8 * 1024 ** 2;

/** A file of the scratch space, or a folder. */
export interface ScratchFile {
  /** Nothing is there before its user writes it. */
  readonly path: string;
  /** Has `forget` called when the file is removed. */
  whenGone(forget: () => void): void;
  /** Counts bytes that were written to it. */
  grew(bytes: number): void;
  /** Keeps it until `unpin` is called as often. A new one is pinned once. */
  pin(): void;
  /** Lets it make way for others, the least recently used first. */
  unpin(): void;
  remove(): Promise<void>;
}

export interface Scratch {
  /**
   * Names a new file.
   *
   * @param options.isWrittenByTool looks at its size instead of counting its bytes.
   */
  file(options?: { isWrittenByTool?: boolean }): ScratchFile;
  /** Resolves with the room for files in use or being made. */
  room(): Promise<Room>;
  /** Throws when nothing can be written. */
  assertWritable(): Promise<void>;
}

interface Entry {
  path: string;
  bytes: number;
  pins: number;
  isWrittenByTool: boolean;
  remove(): Promise<void>;
}

/**
 * Opens an empty scratch space; what an earlier process has left in the folder is removed.
 *
 * @param options.folder absolute; made when missing. No other process may use it.
 */
export async function openScratch(options: { folder: string; limitBytes: number }): Promise<Scratch> {
  const { folder, limitBytes } = options;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });
  /** The least recently used first. */
  const entries = new Set<Entry>();

  const bytesOf = (isCounted: (entry: Entry) => boolean) =>
    [...entries].reduce((sum, entry) => sum + (isCounted(entry) ? entry.bytes : 0), 0);
  const allBytes = () => bytesOf(() => true);

  const limit = async (): Promise<Room> => {
    for (const entry of entries) {
      if (entry.isWrittenByTool) entry.bytes = (await absentAs(undefined, stat(entry.path)))?.size ?? 0;
    }
    const { bavail, bsize, files, ffree } = await statfs(folder);
    return {
      bytes: Math.min(limitBytes, Math.floor(DISK_SHARE * (bavail * bsize + allBytes()))),
      // btrfs makes inodes as they are needed, and says 0 of 0.
      files: files === 0 ? Number.POSITIVE_INFINITY : ffree,
    };
  };

  let trimming: Promise<void> = Promise.resolve();
  const trim = () => {
    trimming = trimming
      .then(async () => {
        const { bytes } = await limit();
        for (const entry of entries) {
          if (allBytes() <= bytes) return;
          if (entry.pins === 0) await entry.remove();
        }
      })
      // The next one tries again.
      .catch(() => {});
  };

  return {
    file({ isWrittenByTool = false } = {}) {
      let unseen = 0;
      let onGone = () => {};
      const entry: Entry = {
        path: path.join(folder, randomUUID()),
        bytes: 0,
        pins: 1,
        isWrittenByTool,
        async remove() {
          entries.delete(entry);
          onGone();
          await rm(entry.path, { recursive: true, force: true });
        },
      };
      entries.add(entry);
      return {
        path: entry.path,
        whenGone(forget) {
          onGone = forget;
        },
        grew(bytes) {
          entry.bytes += bytes;
          unseen += bytes;
          if (unseen < LOOK_EVERY_BYTES) return;
          unseen = 0;
          trim();
        },
        pin() {
          entry.pins++;
          // It is the most recently used one now.
          if (entries.delete(entry)) entries.add(entry);
        },
        unpin() {
          entry.pins--;
          trim();
        },
        remove: entry.remove,
      };
    },
    async room() {
      const { bytes, files } = await limit();
      return { bytes: Math.max(0, bytes - bytesOf(({ pins }) => pins > 0)), files };
    },
    async assertWritable() {
      const file = path.join(folder, randomUUID());
      await withFile(file, 'wx', (handle) => handle.sync(), PRIVATE_FILE);
      await rm(file, { force: true });
    },
  };
}
