/** Records of tracks on disk: `<root>/<filename>/track.json`. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createBulkReader } from '../disk/read.ts';
import { safeJoin } from '../disk/safe-join.ts';
import { syncFolder, writeFileAtomic } from '../disk/write-atomic.ts';
import { hasCode } from '../errors.ts';
import { parseTrack, type Track, type TrackRecord, trackAt } from '../tracks/track.ts';

const RECORD = 'track.json';

/** A record that cannot be read. Only the listing of the folder tells the name of its track for sure. */
export const DAMAGED = Symbol('damaged');
export type Found = Track | typeof DAMAGED | undefined;

export interface Records {
  /** Lists the folders of tracks; some may hold no record. */
  list(): Promise<string[]>;
  read(filename: string): Promise<Found>;
  /** Makes the folder of a new track. Its name is durable after `sync`. */
  makeFolder(filename: string): Promise<void>;
  /** Writes a record, durable once it resolves. */
  write(track: Track): Promise<void>;
  /** Makes the names of all folders durable. */
  sync(): Promise<void>;
  /** Removes a record, durable once it resolves; its folder stays. */
  remove(filename: string): Promise<void>;
  removeFolder(filename: string): Promise<void>;
}

/** @param root absolute path of an existing folder. */
export function createRecords(root: string): Records {
  const folderOf = (filename: string) => safeJoin(root, filename);
  const recordOf = (filename: string) => path.join(folderOf(filename), RECORD);
  const readFile = createBulkReader();

  return {
    async list() {
      const entries = await readdir(root, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    },
    async read(filename) {
      const text = await readFile(recordOf(filename)).catch((error: unknown) => {
        if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
        return null;
      });
      if (text === undefined) return undefined;
      const record = text === null ? undefined : parsedOrUndefined(text.toString());
      return record?.filename === filename ? trackAt(filename, record) : DAMAGED;
    },
    async makeFolder(filename) {
      await mkdir(folderOf(filename), { recursive: true });
    },
    async write({ home, ...record }) {
      await writeFileAtomic(recordOf(record.filename), `${JSON.stringify(record, null, 2)}\n`, root);
      await syncFolder(folderOf(record.filename));
    },
    sync: () => syncFolder(root),
    async remove(filename) {
      await rm(recordOf(filename), { force: true });
      await syncFolder(folderOf(filename));
    },
    removeFolder: async (filename) => rm(folderOf(filename), { recursive: true, force: true }),
  };
}

function parsedOrUndefined(json: string): TrackRecord | undefined {
  try {
    return parseTrack(JSON.parse(json));
  } catch {
    return undefined;
  }
}
