/** A library on disk: one `track.json` beside each manifest, and an index of them in memory. */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { insideDirectory } from '../disk/inside-directory.ts';
import { publishFile, syncFolder, TEMPORARY_PREFIX } from '../disk/publish.ts';
import { hasCode } from '../errors.ts';
import { filenameKey, numberedFilename } from '../tracks/filename.ts';
import { parseTrack, type Track } from '../tracks/track.ts';
import { createTurns } from '../turns.ts';
import type { Library } from './library.ts';
import { createUploadOrder, decodeCursor, encodeCursor } from './order.ts';

const RECORD = 'track.json';
const MANIFEST = 'manifest.mpd';
/** Records that are read at the same time as the library opens. */
const READERS = 64;

/**
 * Reads all records. A folder without a record is what a crash left of an upload or a delete, and is removed; one with
 * a record that cannot be read is left alone, and its name stays taken.
 *
 * @param dataDir absolute; `manifests/` in it is made when missing.
 */
export async function openDiskLibrary(dataDir: string): Promise<Library> {
  const root = path.join(dataDir, 'manifests');
  await mkdir(root, { recursive: true });

  const tracks = new Map<string, Track>();
  const bySha256 = new Map<string, string>();
  const takenNames = new Set<string>();
  const damaged = new Set<string>();
  const order = createUploadOrder();
  /** Changes of one track, one after the other. */
  const turns = createTurns();

  const folderOf = (filename: string) => insideDirectory(root, filename);

  const index = (track: Track) => {
    tracks.set(track.filename, track);
    bySha256.set(track.source.sha256, track.filename);
    takenNames.add(filenameKey(track.filename));
    order.add(track);
  };

  /** Copied folders may hold equal bytes under another name: those are found from now on. */
  const forgetSha256 = ({ filename, source: { sha256 } }: Track) => {
    if (bySha256.get(sha256) !== filename) return;
    bySha256.delete(sha256);
    for (const other of tracks.values()) {
      if (other.source.sha256 === sha256) bySha256.set(sha256, other.filename);
    }
  };

  const write = async (track: Track) => {
    const folder = folderOf(track.filename);
    await publishFile(path.join(folder, RECORD), `${JSON.stringify(track, null, 2)}\n`);
    await syncFolder(folder);
  };

  const load = async (filename: string) => {
    const folder = folderOf(filename);
    try {
      const track = parseTrack(JSON.parse(await readFile(path.join(folder, RECORD), 'utf8')));
      if (track.filename !== filename) throw new Error(`the record of "${track.filename}"`);
      index(track);
      await sweepTemporaries(folder);
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return rm(folder, { recursive: true, force: true });
      damaged.add(filename);
      takenNames.add(filenameKey(filename));
    }
  };

  await sweepTemporaries(root);
  const names = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const queue = names.map((entry) => entry.name).values();
  await Promise.all(
    Array.from({ length: READERS }, async () => {
      for (const name of queue) await load(name);
    }),
  );

  return {
    get: async (filename) => tracks.get(filename),
    findBySha256: async (sha256) => {
      const filename = bySha256.get(sha256);
      return filename === undefined ? undefined : tracks.get(filename);
    },
    async page({ limit = Number.POSITIVE_INFINITY, cursor, query }) {
      const before = cursor === undefined ? undefined : decodeCursor(cursor);
      const wanted = query?.normalize('NFC').toLowerCase();
      const page: Track[] = [];
      for (const filename of order.newestFirst(before)) {
        const track = tracks.get(filename);
        if (!track || (wanted && !hasInName(track, wanted))) continue;
        if (page.length === limit)
          return { tracks: page, nextCursor: encodeCursor(page.at(-1)?.uploadedAt ?? '') };
        page.push(track);
      }
      return { tracks: page, nextCursor: undefined };
    },

    async add(wantedName, draft) {
      // No await before the name is taken: two calls at once must not find the same one free.
      let number = 1;
      while (takenNames.has(filenameKey(numberedFilename(wantedName, number)))) number++;
      const filename = numberedFilename(wantedName, number);
      const track: Track = { ...draft, filename, uploadedAt: order.nextTime() };
      takenNames.add(filenameKey(filename));
      order.add(track);
      try {
        await turns.take(filename, async () => {
          await mkdir(folderOf(filename), { recursive: true });
          await write(track);
          await syncFolder(root);
        });
      } catch (error) {
        // The name is free only when nothing is left under it.
        await rm(folderOf(filename), { recursive: true, force: true });
        order.remove(track);
        takenNames.delete(filenameKey(filename));
        throw error;
      }
      tracks.set(filename, track);
      bySha256.set(track.source.sha256, filename);
      return track;
    },

    async update(filename, change) {
      // A track that is going away queues nothing: who removes it may wait for this very change.
      if (!tracks.has(filename)) return undefined;
      return turns.take(filename, async () => {
        const before = tracks.get(filename);
        if (!before) return undefined;
        const after = change(before);
        if (after === before) return before;
        await write(after);
        if (tracks.has(filename)) tracks.set(filename, after);
        return after;
      });
    },

    remove: (filename, beforeNameIsFree) =>
      turns.take(filename, async () => {
        const track = tracks.get(filename);
        if (!track) return;
        tracks.delete(filename);
        // The record goes first: from here on the track does not exist, whatever else is still on disk.
        try {
          await rm(path.join(folderOf(filename), RECORD), { force: true });
          await syncFolder(folderOf(filename));
        } catch (error) {
          tracks.set(filename, track);
          throw error;
        }
        forgetSha256(track);
        order.remove(track);
        await beforeNameIsFree();
        await rm(folderOf(filename), { recursive: true, force: true });
        takenNames.delete(filenameKey(filename));
      }),

    async putManifest(filename, mpd) {
      if (!tracks.has(filename)) return;
      await turns.take(filename, async () => {
        if (tracks.has(filename)) await publishFile(path.join(folderOf(filename), MANIFEST), mpd);
      });
    },
    damaged: async () => [...damaged],
    async assertWritable() {
      const file = path.join(root, `${TEMPORARY_PREFIX}writable`);
      await publishFile(file, '');
      await rm(file, { force: true });
    },
  };
}

function hasInName(track: Track, wanted: string): boolean {
  return [track.filename, track.originalName].some((name) =>
    name.normalize('NFC').toLowerCase().includes(wanted),
  );
}

async function sweepTemporaries(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(TEMPORARY_PREFIX))
      await rm(path.join(folder, name), { recursive: true, force: true });
  }
}
