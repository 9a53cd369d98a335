/** Writes files whole or not at all: aside, synced, renamed. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Prefix of files that a crash may leave half-written. The next start removes them. */
export const TEMPORARY_PREFIX = '.tmp-';

/**
 * Writes a file that is either wholly there or not at all, also after a power failure once the folder is synced.
 *
 * @param aside folder for the incomplete file, on the same file system. One such folder for many files spares the next start a
 *   search.
 * @throws the system's error; nothing is left behind then.
 */
export async function writeFileAtomic(
  file: string,
  bytes: Buffer | string,
  aside = path.dirname(file),
): Promise<void> {
  const temporary = path.join(aside, TEMPORARY_PREFIX + randomUUID());
  try {
    await withFile(temporary, 'wx', async (handle) => {
      await handle.writeFile(bytes);
      await handle.sync();
    });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** Removes half-written files of a crash from a folder. */
export async function sweepTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(TEMPORARY_PREFIX))
      await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

/** Makes the names in a folder durable. Where the system cannot sync a folder (Windows), the file's own sync is all. */
export async function syncFolder(folder: string): Promise<void> {
  await withFile(folder, 'r', (handle) => handle.sync()).catch((error: NodeJS.ErrnoException) => {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP'].includes(error.code ?? '')) throw error;
  });
}

/**
 * Opens a file for as long as `use` takes.
 *
 * @param mode permissions of a new file, less the umask.
 */
export async function withFile<T>(
  file: string,
  flags: string,
  use: (handle: FileHandle) => Promise<T>,
  mode = 0o666,
): Promise<T> {
  const handle = await open(file, flags, mode);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}
