/** Originals on disk: `uploads/<random>.upload`, and beside it `.upload.flac`, the copy of one that cannot be sought in. */
import { randomUUID } from 'node:crypto';
import { access, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { safeJoin } from '../disk/safe-join.ts';
import { syncFolder, TEMPORARY_PREFIX, withFile } from '../disk/write-atomic.ts';
import { absentAs, changedAt } from './absent.ts';
import { openArrivingFile } from './arriving-file.ts';
import type { Storage, StoredUpload } from './storage.ts';

const UPLOAD_NAME = /^[0-9a-f-]{36}\.upload$/;
const COPY_SUFFIX = '.flac';
/** Originals are for the server alone. Segments are not: another server may send them. */
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;

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
>;

/** @param folder absolute; made when missing. */
export async function openUploads(folder: string): Promise<Uploads> {
  await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER });

  const fileOf = (upload: string) => {
    if (!UPLOAD_NAME.test(upload)) throw new Error(`"${upload}" is no id of an upload`);
    return safeJoin(folder, upload);
  };
  const copyOf = (upload: string) => fileOf(upload) + COPY_SUFFIX;
  const temporaryFile = () => path.join(folder, TEMPORARY_PREFIX + randomUUID());
  const using = async <T>(file: string, use: (path: string) => Promise<T>): Promise<T> => {
    await access(file);
    return use(file);
  };

  return {
    async beginUpload() {
      const upload = `${randomUUID()}.upload`;
      const temporary = temporaryFile();
      return openArrivingFile({ upload, temporary, file: fileOf(upload), folder, mode: PRIVATE_FILE });
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
      const names = new Set(await readdir(folder));
      const uploads = new Set([...names].map((name) => name.replace(/\.flac$/, '')));
      const listed: StoredUpload[] = [];
      for (const upload of uploads) {
        if (!UPLOAD_NAME.test(upload)) continue;
        const hasSeekableCopy = names.has(upload + COPY_SUFFIX);
        const name = names.has(upload) ? upload : upload + COPY_SUFFIX;
        listed.push({ upload, hasSeekableCopy, changedAt: () => changedAt(path.join(folder, name)) });
      }
      return listed;
    },
  };
}
