/** Originals on disk: `uploads/<random>.upload`, and beside it `.upload.flac`, the copy of one that cannot be sought in. */
import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { safeJoin } from '../disk/safe-join.ts';
import { syncFolder, TEMPORARY_PREFIX, withFile } from '../disk/write-atomic.ts';
import { absentAs, changedAt } from './absent.ts';
import { openArrivingFile } from './arriving-file.ts';
import { syncedToDisk } from './disk-sync.ts';
import type { Storage } from './storage.ts';
import { copyName, newUpload, originalName, PRIVATE_FILE, PRIVATE_FOLDER, uploadsOf } from './upload-name.ts';

export type Uploads = Pick<
  Storage,
  | 'beginUpload'
  | 'hasUpload'
  | 'usingUpload'
  | 'usingSource'
  | 'makeSeekableCopy'
  | 'removeSeekableCopy'
  | 'removeUpload'
  | 'listUploads'
  | 'sweepUnfinished'
>;

/** @param folder absolute; made when missing. */
export async function openUploads(folder: string): Promise<Uploads> {
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });

  const fileOf = (upload: string) => safeJoin(folder, originalName(upload));
  const copyOf = (upload: string) => safeJoin(folder, copyName(upload));
  const temporaryFile = () => path.join(folder, TEMPORARY_PREFIX + randomUUID());
  const using = async <T>(file: string, use: (path: string) => Promise<T>): Promise<T> => {
    await access(file);
    return use(file);
  };

  return {
    async beginUpload() {
      const upload = newUpload();
      return openArrivingFile({
        upload,
        temporary: temporaryFile(),
        file: fileOf(upload),
        mode: PRIVATE_FILE,
        durability: (handle) => syncedToDisk(handle, folder),
        usingFinished: (use) => use(fileOf(upload)),
      });
    },
    hasUpload: async (upload) =>
      absentAs(
        false,
        access(fileOf(upload)).then(() => true),
      ),
    usingUpload: async (upload, use) => using(fileOf(upload), use),
    async usingSource({ upload, hasSeekableCopy }, use) {
      return using(hasSeekableCopy ? copyOf(upload ?? '') : fileOf(upload ?? ''), use);
    },
    async makeSeekableCopy(upload, write) {
      const temporary = temporaryFile();
      try {
        // The tool writes to a file that is there already, with its mode.
        await withFile(temporary, 'wx', async () => {}, PRIVATE_FILE);
        const result = await write(temporary);
        await withFile(temporary, 'r', (handle) => handle.sync());
        await rename(temporary, copyOf(upload));
        await syncFolder(folder);
        return result;
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
    removeSeekableCopy: async (upload) => rm(copyOf(upload), { force: true }),
    async removeUpload(upload) {
      await rm(copyOf(upload), { force: true });
      await rm(fileOf(upload), { force: true });
    },
    async listUploads() {
      return uploadsOf(await readdir(folder), (name) => changedAt(path.join(folder, name)));
    },
    // Opening the storage has removed them.
    sweepUnfinished: async () => 0,
  };
}
