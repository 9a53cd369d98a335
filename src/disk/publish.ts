/** Bytes are published whole or not at all: written beside, synced, renamed. */
import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

/** Files that a crash may leave half-written begin with this; they are swept at the next start. */
export const TEMPORARY_PREFIX = '.tmp-';

/**
 * Writes a file that is either wholly there or not at all, also after a power failure once the folder is synced.
 *
 * @throws the system's error; nothing is left behind then.
 */
export async function publishFile(file: string, bytes: Buffer | string): Promise<void> {
  const temporary = path.join(path.dirname(file), TEMPORARY_PREFIX + randomUUID());
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

/** Makes the names in a folder durable. Where the system cannot sync a folder (Windows), the file's own sync is all. */
export async function syncFolder(folder: string): Promise<void> {
  await withFile(folder, 'r', (handle) => handle.sync()).catch((error: NodeJS.ErrnoException) => {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'ENOTSUP'].includes(error.code ?? '')) throw error;
  });
}

/** Opens a file for as long as `use` takes. */
export async function withFile<T>(
  file: string,
  flags: string,
  use: (handle: FileHandle) => Promise<T>,
): Promise<T> {
  const handle = await open(file, flags);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}
