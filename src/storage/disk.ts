/** Storage in folders: `uploads/<random>.upload`, a copy of it as `.upload.flac` where one is needed, and `segments/<filename>/<segment name>`. */
import { createHash, randomUUID } from 'node:crypto';
import { access, type FileHandle, mkdir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { readPublished } from '../disk/read.ts';
import { safeJoin } from '../disk/safe-join.ts';
import {
  sweepTemporaries,
  syncFolder,
  TEMPORARY_PREFIX,
  withFile,
  writeFileAtomic,
} from '../disk/write-atomic.ts';
import { hasCode } from '../errors.ts';
import type { Storage, StoredSegment } from './storage.ts';

const UPLOAD_NAME = /^[0-9a-f-]{36}\.upload$/;
/** An upload is synced as it goes, so that its last sync, for which the client waits, is a short one. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;
/** Originals are for the server alone. Segments are not: another server may send them. */
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const STATS_AT_ONCE = 64;

/** @param dataDir absolute; the folders in it are made when missing. */
export async function openDiskStorage(dataDir: string): Promise<Storage> {
  const uploads = path.join(dataDir, 'uploads');
  const segments = path.join(dataDir, 'segments');
  await mkdir(segments, { recursive: true });
  await mkdir(uploads, { recursive: true, mode: PRIVATE_FOLDER });
  for (const folder of [uploads, segments]) await sweepTemporaries(folder);

  const uploadFile = (upload: string) => {
    if (!UPLOAD_NAME.test(upload)) throw new Error(`"${upload}" is no name of an upload`);
    return safeJoin(uploads, upload);
  };
  const copyFile = (upload: string) => `${uploadFile(upload)}.flac`;
  const segmentFile = (filename: string, name: string) => safeJoin(segments, filename, name);
  const segmentFolder = (filename: string) => safeJoin(segments, filename);

  return {
    async receive(stream) {
      const id = randomUUID();
      const upload = `${id}.upload`;
      const temporary = path.join(uploads, TEMPORARY_PREFIX + id);
      try {
        const received = await writeStream(temporary, stream);
        await rename(temporary, uploadFile(upload));
        await syncFolder(uploads);
        return { upload, ...received };
      } catch (error) {
        await rm(temporary, { force: true });
        await rm(uploadFile(upload), { force: true });
        throw error;
      }
    },
    async uploadPath(upload) {
      const file = uploadFile(upload);
      await access(file);
      return file;
    },
    async sourcePath({ upload, hasSeekableCopy }) {
      const file = hasSeekableCopy ? copyFile(upload ?? '') : uploadFile(upload ?? '');
      await access(file);
      return file;
    },
    async makeSeekableCopy(upload, write) {
      const temporary = path.join(uploads, TEMPORARY_PREFIX + randomUUID());
      try {
        // The tool finds it there, with its mode.
        await withFile(temporary, 'wx', async () => {}, PRIVATE_FILE);
        const result = await write(temporary);
        await withFile(temporary, 'r', (handle) => handle.sync());
        await rename(temporary, copyFile(upload));
        await syncFolder(uploads);
        return result;
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    removeSeekableCopy: (upload) => rm(copyFile(upload), { force: true }),
    async removeUpload(upload) {
      await rm(copyFile(upload), { force: true });
      await rm(uploadFile(upload), { force: true });
    },
    async listUploads() {
      const names = (await readdir(uploads)).map((name) => name.replace(/\.flac$/, ''));
      return [...new Set(names)].filter((name) => UPLOAD_NAME.test(name));
    },
    async listSeekableCopies() {
      const copies = (await readdir(uploads)).filter((name) => name.endsWith('.flac'));
      return copies.map((name) => name.replace(/\.flac$/, '')).filter((name) => UPLOAD_NAME.test(name));
    },

    async putSegment(filename, name, bytes) {
      await mkdir(segmentFolder(filename), { recursive: true });
      await writeFileAtomic(segmentFile(filename, name), bytes, segments);
    },
    async syncSegments(filename) {
      await syncFolder(segmentFolder(filename));
      await syncFolder(segments);
    },
    cachedSegment: () => undefined,
    readSegment: (filename, name) => absentAs(undefined, readPublished(segmentFile(filename, name))),
    async listSegments(filename) {
      const folder = segmentFolder(filename);
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
    removeSegment: (filename, name) => rm(segmentFile(filename, name), { force: true }),
    removeSegments: (filename) => rm(segmentFolder(filename), { recursive: true, force: true }),
    async listSegmentFolders() {
      const entries = await readdir(segments, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    },

    async room() {
      const { bavail, bsize, files, ffree } = await statfs(uploads);
      // btrfs makes inodes as they are needed, and says 0 of 0.
      return { bytes: bavail * bsize, files: files === 0 ? Number.POSITIVE_INFINITY : ffree };
    },
    async assertWritable() {
      for (const folder of [uploads, segments]) {
        const file = path.join(folder, `${TEMPORARY_PREFIX}writable`);
        await writeFileAtomic(file, '');
        await rm(file, { force: true });
      }
    },
  };
}

async function writeStream(
  file: string,
  stream: AsyncIterable<Buffer>,
): Promise<{ bytes: number; sha256: string }> {
  const hash = createHash('sha256');
  const write = async (handle: FileHandle) => {
    let bytes = 0;
    let unsynced = 0;
    let syncing: Promise<void> = Promise.resolve();
    for await (const chunk of stream) {
      hash.update(chunk);
      await writeAll(handle, chunk);
      bytes += chunk.length;
      unsynced += chunk.length;
      if (unsynced < SYNC_EVERY_BYTES) continue;
      unsynced = 0;
      // One sync at a time, beside the bytes that still come in.
      await syncing;
      syncing = handle.datasync();
      syncing.catch(() => {});
    }
    await syncing;
    await handle.sync();
    return { bytes, sha256: hash.digest('hex') };
  };
  return withFile(file, 'wx', write, PRIVATE_FILE);
}

/** A write may take less than it was given. */
async function writeAll(handle: FileHandle, bytes: Buffer): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    offset += (await handle.write(bytes, offset)).bytesWritten;
  }
}

async function absentAs<T, U>(value: U, reading: Promise<T>): Promise<T | U> {
  return reading.catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return value;
    throw error;
  });
}
