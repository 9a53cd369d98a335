/** Takes over tracks into the folder of a library that no server has open. */

import { fewAtATime } from '../concurrency/few-at-a-time.ts';
import { filenameKey } from '../tracks/filename.ts';
import type { Track } from '../tracks/track.ts';
import type { Held, Importing } from './importing.ts';
import { createRecords, DAMAGED, type Found } from './records.ts';

const READERS = 64;

export interface DiskImporting extends Importing {
  /** Makes the folder that holds the record and the manifest of a track. A folder without a record is no track. */
  makeFolder(filename: string): Promise<void>;
}

/**
 * Reads the names and the contents of all tracks, once.
 *
 * @param root absolute path of `manifests/`. Nothing else may change it.
 */
export async function openDiskImporting(root: string): Promise<DiskImporting> {
  const records = createRecords(root);
  /** File names by what they are compared by. */
  const byKey = new Map<string, string>();
  const bySha256 = new Map<string, string>();

  const index = (filename: string, found: Found) => {
    if (found === undefined) return;
    byKey.set(filenameKey(filename), filename);
    if (found !== DAMAGED) bySha256.set(found.source.sha256, filename);
  };
  await fewAtATime(await records.list(), READERS, async (filename) => {
    index(filename, await records.read(filename));
  });

  const heldAs = async (filename: string | undefined): Promise<Held | undefined> => {
    if (filename === undefined) return undefined;
    const found = await records.read(filename);
    if (found === undefined) return undefined;
    const track = found === DAMAGED ? undefined : found;
    return { filename, track, version: versionOf(track), isAsImported: false, isLeaving: false };
  };

  const write = async (track: Track) => {
    await records.makeFolder(track.filename);
    await records.write(track);
    await records.sync();
    index(track.filename, track);
  };

  return {
    find: (tracks) =>
      Promise.all(
        tracks.map(async ({ filename, source }) => ({
          byName: await heldAs(byKey.get(filenameKey(filename))),
          byContent: await heldAs(bySha256.get(source.sha256)),
        })),
      ),
    async add(track) {
      const isTaken = byKey.has(filenameKey(track.filename)) || bySha256.has(track.source.sha256);
      if (!isTaken) await write(track);
      return !isTaken;
    },
    async replace({ filename, version }, track) {
      if ((await heldAs(filename))?.version !== version) return false;
      await write(track);
      return true;
    },
    count: async () => byKey.size,
    makeFolder: records.makeFolder,
  };
}

/** A record on disk has no version: its content stands for one. */
function versionOf(track: Track | undefined): string {
  return JSON.stringify(track ?? null);
}
