/** The data folder of a server: made when missing, and locked. */
import { mkdir } from 'node:fs/promises';
import { type Lock, lockDataDir } from '../disk/lock.ts';
import { hasCode, StartupError } from '../errors.ts';

/**
 * Opens what a server keeps in its data folder. Unlocks the folder when that fails.
 *
 * @throws {StartupError} when the folder is in use, or cannot be made or written.
 */
export async function inDataDir<T>(
  dataDir: string,
  open: () => Promise<T>,
): Promise<{ opened: T; lock: Lock }> {
  await mkdir(dataDir, { recursive: true }).catch((error: Error) => {
    throw new StartupError(
      `DATA_DIR ${dataDir} cannot be created: ${error.message}. Set DATA_DIR to a folder that can.`,
    );
  });
  let lock: Lock | undefined;
  try {
    lock = await lockDataDir(dataDir);
    return { opened: await open(), lock };
  } catch (error) {
    await lock?.release();
    if (!hasCode(error, 'EACCES')) throw error;
    throw new StartupError(
      `DATA_DIR ${dataDir} is not writable: ${error.message}. Change its permissions, or set DATA_DIR to another folder.`,
    );
  }
}
