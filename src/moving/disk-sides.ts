/** A library in the folders of `DATA_DIR`, as either side of a move. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { inOrder } from '../concurrency/in-order.ts';
import { isLocked } from '../disk/lock.ts';
import { sweepTemporaries } from '../disk/write-atomic.ts';
import { inDataDir } from '../engines/data-dir.ts';
import { StartupError } from '../errors.ts';
import { openDiskImporting } from '../library/disk-importing.ts';
import { createRecords, DAMAGED, type Found } from '../library/records.ts';
import { absentAs } from '../storage/absent.ts';
import { diskFiles, openDiskTargetFiles } from './disk-files.ts';
import type { Group, Source, Target } from './sides.ts';

const GROUP_TRACKS = 200;
const READERS = 64;

/**
 * Opens the folders for reading, also while a server uses them. Changes nothing in them.
 *
 * @throws {StartupError} when there is no library.
 */
export async function openDiskSource(dataDir: string): Promise<Source> {
  const root = path.join(dataDir, 'manifests');
  if (!(await isFolder(root))) {
    throw new StartupError(
      `${dataDir} holds no library: it has no folder "manifests". Name the DATA_DIR of the server by --data-dir.`,
    );
  }
  const records = createRecords(root);

  async function* groups(): AsyncGenerator<Group> {
    let group: Group = { tracks: [], damaged: [] };
    const names = await records.list();
    const read = async (name: string): Promise<{ name: string; found: Found }> => ({
      name,
      found: await records.read(name),
    });
    for await (const { name, found } of inOrder(names, READERS, read)) {
      if (found === DAMAGED) group.damaged.push(name);
      // A folder without a record is no track.
      else if (found) group.tracks.push(found);
      if (group.tracks.length < GROUP_TRACKS) continue;
      yield group;
      group = { tracks: [], damaged: [] };
    }
    yield group;
  }

  return {
    name: `the folder ${dataDir}`,
    files: diskFiles(dataDir),
    async size() {
      const size = { tracks: 0, bytes: 0 };
      for await (const { tracks } of groups()) {
        size.tracks += tracks.length;
        for (const { storedBytes } of tracks) size.bytes += storedBytes;
      }
      return size;
    },
    groups,
    async get(filename) {
      const found = await records.read(filename);
      return found === DAMAGED ? undefined : found;
    },
    isEncoding: () => isLocked(dataDir),
    close: async () => {},
  };
}

/**
 * Opens the folders for adding, and keeps servers out of them.
 *
 * @throws {StartupError} when a server uses them, when they cannot be written, or when they are the scratch space of a node.
 */
export async function openDiskTarget(dataDir: string): Promise<Target> {
  if (await isFolder(path.join(dataDir, 'scratch'))) {
    throw new StartupError(
      `${dataDir} is the scratch space of a node: it has a folder "scratch". Name another folder for the library by --data-dir.`,
    );
  }
  const { opened, lock } = await inDataDir(dataDir, async () => {
    const files = await openDiskTargetFiles(dataDir);
    // Of a run that was killed.
    for (const folder of ['uploads', 'segments', 'manifests']) {
      await sweepTemporaries(path.join(dataDir, folder));
    }
    return { files, importing: await openDiskImporting(path.join(dataDir, 'manifests')) };
  });
  return {
    ...opened,
    name: `the folder ${dataDir}`,
    newHome: ({ filename }) => filename,
    close: () => lock.release(),
  };
}

async function isFolder(folder: string): Promise<boolean> {
  return (await absentAs(undefined, stat(folder)))?.isDirectory() ?? false;
}
