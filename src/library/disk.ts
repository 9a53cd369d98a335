/** A library on disk: one `track.json` beside each manifest, and an index of them in memory. */
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import { createSingleFlight } from '../concurrency/single-flight.ts';
import { createTimeSlices } from '../concurrency/time-slices.ts';
import { createBulkReader } from '../disk/read.ts';
import { safeJoin } from '../disk/safe-join.ts';
import { sweepTemporaries, syncFolder, TEMPORARY_PREFIX, writeFileAtomic } from '../disk/write-atomic.ts';
import { hasCode } from '../errors.ts';
import { filenameKey, numberedFilename } from '../tracks/filename.ts';
import { parseTrack, type Track } from '../tracks/track.ts';
import type { Library } from './library.ts';
import { createUploadOrder, decodeCursor, encodeCursor } from './order.ts';

const RECORD = 'track.json';
const MANIFEST = 'manifest.mpd';
/** Records that are read at the same time as the library opens. */
const READERS = 64;
/** Names that a search looks at before others get their turn: half a millisecond. */
const NAMES_IN_SLICE = 500;

/** A record that cannot be read. Whose name it is, only the listing of the folder tells for sure. */
const DAMAGED = Symbol('damaged');
type Found = Track | typeof DAMAGED | undefined;

/**
 * A folder without a record is what a crash left of an upload or a delete, and is removed; one with a record that cannot
 * be read is left alone, and its name stays taken. Resolves at once; records are read behind it.
 *
 * @param dataDir absolute; `manifests/` in it is made when missing.
 */
export async function openDiskLibrary(dataDir: string): Promise<Library> {
  const root = path.join(dataDir, 'manifests');
  await mkdir(root, { recursive: true });

  const tracks = new Map<string, Track>();
  const bySha256 = createSha256Index();
  const takenNames = new Set<string>();
  const damaged = new Set<string>();
  const order = createUploadOrder();
  /** Changes of one track, one after the other. */
  const turns = createKeyedMutex();
  const slices = createTimeSlices();

  const folderOf = (filename: string) => safeJoin(root, filename);
  const recordOf = (filename: string) => path.join(folderOf(filename), RECORD);

  const write = async (track: Track) => {
    await writeFileAtomic(recordOf(track.filename), `${JSON.stringify(track, null, 2)}\n`, root);
    await syncFolder(folderOf(track.filename));
  };

  /** Reads of records under way. */
  const reads = createSingleFlight<string, Found>();
  let isOpening = true;

  const readFile = createBulkReader();
  const readRecord = async (filename: string): Promise<Found> => {
    const text = await readFile(recordOf(filename)).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
      return null;
    });
    if (text === undefined) return undefined;
    const track = text === null ? undefined : parsedOrUndefined(text.toString());
    if (track?.filename !== filename) return DAMAGED;
    tracks.set(filename, track);
    return track;
  };
  const readOnce = async (filename: string) =>
    tracks.get(filename) ?? reads.run(filename, () => readRecord(filename));

  const readAll = async () => {
    await sweepTemporaries(root);
    const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    const names = folders.map(({ name }) => name).values();
    const reader = async () => {
      for (const name of names) {
        const found = await readOnce(name);
        if (found === undefined) await rm(folderOf(name), { recursive: true, force: true });
        else takenNames.add(filenameKey(name));
        if (found === DAMAGED) damaged.add(name);
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    order.addAll(tracks.values());
    for (const track of tracks.values()) bySha256.add(track);
    isOpening = false;
  };
  const opened = readAll();
  // Whoever waits for it meets the error.
  opened.catch(() => {});

  return {
    opened,
    peek: (filename) => tracks.get(filename),
    async get(filename) {
      const found = tracks.get(filename) ?? (isOpening ? await readOnce(filename) : undefined);
      return found === DAMAGED ? undefined : found;
    },
    findBySha256: async (sha256) => {
      await opened;
      const filename = bySha256.get(sha256);
      return filename === undefined ? undefined : tracks.get(filename);
    },
    async page({ limit = Number.POSITIVE_INFINITY, cursor, query, oldestFirst = false }) {
      await opened;
      let after = cursor === undefined ? undefined : decodeCursor(cursor);
      const wanted = query?.normalize('NFC').toLowerCase();
      const found: Track[] = [];
      for (;;) {
        const places = order.next({ after, count: NAMES_IN_SLICE, oldestFirst });
        for (const { filename } of places) {
          const track = tracks.get(filename);
          if (!track || (wanted && !hasInName(track, wanted))) continue;
          if (found.length === limit) {
            return { tracks: found, nextCursor: encodeCursor(found.at(-1) as Track) };
          }
          found.push(track);
        }
        if (places.length < NAMES_IN_SLICE) return { tracks: found, nextCursor: undefined };
        after = places.at(-1);
        await slices.next();
      }
    },

    async add(wantedName, draft) {
      await opened;
      // No await between here and where the name is taken: two calls at once must not find the same one free.
      let number = 1;
      while (takenNames.has(filenameKey(numberedFilename(wantedName, number)))) number++;
      const filename = numberedFilename(wantedName, number);
      const track: Track = { ...draft, filename, uploadedAt: order.nextTime() };
      takenNames.add(filenameKey(filename));
      order.add(track);
      try {
        await turns.run(filename, async () => {
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
      bySha256.add(track);
      return track;
    },

    async update(filename, change) {
      await opened;
      // A track that is going away queues nothing: who removes it may wait for this very change.
      if (!tracks.has(filename)) return undefined;
      return turns.run(filename, async () => {
        const before = tracks.get(filename);
        if (!before) return undefined;
        const after = change(before);
        if (after === before) return before;
        await write(after);
        if (tracks.has(filename)) tracks.set(filename, after);
        return after;
      });
    },

    async remove(filename, beforeNameIsFree) {
      await opened;
      await turns.run(filename, async () => {
        const track = tracks.get(filename);
        if (!track) return;
        tracks.delete(filename);
        // The record goes first: from here on the track does not exist, whatever else is still on disk.
        try {
          await rm(recordOf(filename), { force: true });
          await syncFolder(folderOf(filename));
        } catch (error) {
          tracks.set(filename, track);
          throw error;
        }
        bySha256.remove(track);
        order.remove(track);
        await beforeNameIsFree();
        await rm(folderOf(filename), { recursive: true, force: true });
        takenNames.delete(filenameKey(filename));
      });
    },

    async putManifest(filename, mpd) {
      await opened;
      if (!tracks.has(filename)) return;
      await turns.run(filename, async () => {
        if (tracks.has(filename)) await writeFileAtomic(path.join(folderOf(filename), MANIFEST), mpd, root);
      });
    },
    async damaged() {
      await opened;
      return [...damaged];
    },
    async assertWritable() {
      // A library that opens sweeps temporary files, and this trial is one.
      await opened;
      const file = path.join(root, `${TEMPORARY_PREFIX}writable`);
      await writeFileAtomic(file, '');
      await rm(file, { force: true });
    },
  };
}

function hasInName(track: Track, wanted: string): boolean {
  return [track.filename, track.originalName].some((name) =>
    name.normalize('NFC').toLowerCase().includes(wanted),
  );
}

function parsedOrUndefined(json: string): Track | undefined {
  try {
    return parseTrack(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** File names by content. Copied folders may hold equal bytes under several names. */
function createSha256Index() {
  const first = new Map<string, string>();
  /** Names beyond the first, for the few that there are. */
  const others = new Map<string, string[]>();
  return {
    get: (sha256: string) => first.get(sha256),
    add({ filename, source: { sha256 } }: Track) {
      if (first.has(sha256)) others.set(sha256, [...(others.get(sha256) ?? []), filename]);
      else first.set(sha256, filename);
    },
    remove({ filename, source: { sha256 } }: Track) {
      const left = [first.get(sha256), ...(others.get(sha256) ?? [])].filter((name) => name !== filename);
      const [next, ...rest] = left;
      if (next === undefined) first.delete(sha256);
      else first.set(sha256, next);
      if (rest.length > 0) others.set(sha256, rest as string[]);
      else others.delete(sha256);
    },
  };
}
