/** Files and folders that are made once and used by many tests, also by those that run at the same time. */
import { createHash, randomUUID } from 'node:crypto';
import { constants, copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';

/** What a file or folder is made of: the same parts give the same key. */
export function keyOf(...parts: (string | number | NodeJS.ArrayBufferView)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = ArrayBuffer.isView(part) ? part : String(part);
    hash.update(`${typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.byteLength}:`).update(bytes);
  }
  return hash.digest('hex').slice(0, 40);
}

const exists = (file: string) =>
  stat(file).then(
    () => true,
    () => false,
  );

/**
 * Writes a copy of the file with that key to `target`. Where there is none yet, `make` writes `target`, and a copy of it is
 * kept; of two that make it at once either wins, for they are equal.
 */
export async function copyOfFile(
  { folder, key, target }: { folder: string; key: string; target: string },
  make: () => Promise<void>,
): Promise<void> {
  const kept = path.join(folder, key);
  if (await exists(kept)) return copyFile(kept, target, constants.COPYFILE_FICLONE);
  await make();
  const aside = `${kept}.${randomUUID()}`;
  await copyFile(target, aside, constants.COPYFILE_FICLONE);
  await rename(aside, kept);
}

/** Resolves with the folder of that key. Where there is none yet, `make` fills it; of two at once the first one wins. */
export async function folderOf(
  { folder, key }: { folder: string; key: string },
  make: (empty: string) => Promise<void>,
): Promise<string> {
  const kept = path.join(folder, key);
  if (await exists(kept)) return kept;
  const aside = `${kept}.${randomUUID()}`;
  await mkdir(aside);
  await make(aside);
  await rename(aside, kept).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    await rm(aside, { recursive: true, force: true });
  });
  return kept;
}
