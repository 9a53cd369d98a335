/** A library on disk: one `track.json` beside each manifest, and an index of them in memory. */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import { createSingleFlight } from '../concurrency/single-flight.ts';
import { sweepTemporaries, TEMPORARY_PREFIX, writeFileAtomic } from '../disk/write-atomic.ts';
import { filenameKey, numberedFilename } from '../tracks/filename.ts';
import type { Track } from '../tracks/track.ts';
import { createAlbumIndex } from './album-index.ts';
import { createCatalogue } from './catalogue.ts';
import { createContentIndex } from './content-index.ts';
import type { Library, TrackDraft } from './library.ts';
import { createRecords, DAMAGED, type Found } from './records.ts';

/** Records that are read at the same time while the library opens. */
const READERS = 64;

/**
 * Opens a library on disk. Resolves at once; the records are read behind it. A folder without a record was left by a crash and is
 * removed. A folder whose record cannot be read is left alone, and its name stays taken.
 *
 * @param dataDir absolute; `manifests/` in it is made when missing.
 */
export async function openDiskLibrary(dataDir: string): Promise<Library> {
  const root = path.join(dataDir, 'manifests');
  await mkdir(root, { recursive: true });

  const records = createRecords(root);
  const tracks = new Map<string, Track>();
  const bySha256 = createContentIndex();
  const albums = createAlbumIndex();
  const takenNames = new Set<string>();
  const damaged = new Set<string>();
  const catalogue = createCatalogue((filename) => tracks.get(filename));
  /** Runs the changes of one track one after the other. */
  const turns = createKeyedMutex();

  /** Reads of records under way. */
  const reads = createSingleFlight<string, Found>();
  let isOpening = true;
  const readRecord = async (filename: string): Promise<Found> => {
    const found = await records.read(filename);
    if (found !== undefined && found !== DAMAGED) tracks.set(filename, found);
    return found;
  };
  const readOnce = async (filename: string) =>
    tracks.get(filename) ?? reads.run(filename, () => readRecord(filename));

  const readAll = async () => {
    await sweepTemporaries(root);
    const names = (await records.list()).values();
    const reader = async () => {
      for (const name of names) {
        const found = await readOnce(name);
        if (found === undefined) await records.removeFolder(name);
        else takenNames.add(filenameKey(name));
        if (found === DAMAGED) damaged.add(name);
      }
    };
    await Promise.all(Array.from({ length: READERS }, reader));
    await catalogue.addAll(tracks.values());
    for (const track of tracks.values()) {
      bySha256.add(track);
      albums.add(track);
    }
    isOpening = false;
  };
  const opened = readAll();
  // Callers that await it get the error.
  opened.catch(() => {});

  const ofContent = (sha256: string): Track | undefined => {
    const filename = bySha256.get(sha256);
    return filename === undefined ? undefined : tracks.get(filename);
  };

  /** Additions under way, by content. */
  const adds = createSingleFlight<string, Track>();
  const addNew = async (wantedName: string, draft: TrackDraft): Promise<Track> => {
    // No await between here and where the name is taken: two calls at once must not find the same one free.
    let number = 1;
    while (takenNames.has(filenameKey(numberedFilename(wantedName, number)))) number++;
    const filename = numberedFilename(wantedName, number);
    const track: Track = { ...draft, filename, uploadedAt: catalogue.nextTime(), home: filename };
    takenNames.add(filenameKey(filename));
    catalogue.add(track);
    try {
      await turns.run(filename, async () => {
        await records.makeFolder(filename);
        await records.write(track);
        await records.sync();
      });
    } catch (error) {
      // The name is free only when nothing is left under it.
      await records.removeFolder(filename);
      catalogue.remove(track);
      takenNames.delete(filenameKey(filename));
      throw error;
    }
    tracks.set(filename, track);
    bySha256.add(track);
    return track;
  };

  /** Yields the tracks of a kind, oldest first. Other work gets its turn meanwhile. */
  const those = async function* (areMeant: (track: Track) => boolean): AsyncGenerator<Track> {
    await opened;
    for await (const track of catalogue.all()) if (areMeant(track)) yield track;
  };

  /** Resolves with those uploads that no track uses. A damaged record may use any of them. */
  const unused = async (uploads: readonly string[], uses: (track: Track) => boolean): Promise<string[]> => {
    await opened;
    if (damaged.size > 0) return [];
    const used = new Set<string | null>();
    for await (const { upload } of those(uses)) used.add(upload);
    return uploads.filter((upload) => !used.has(upload));
  };

  return {
    opened,
    peek: (filename) => tracks.get(filename),
    async get(filename) {
      const found = tracks.get(filename) ?? (isOpening ? await readOnce(filename) : undefined);
      return found === DAMAGED ? undefined : found;
    },
    async findBySha256(sha256) {
      await opened;
      return ofContent(sha256);
    },
    unfinished: () => those(({ status }) => status === 'processing'),
    unmeasured: () => those(({ status, renditions }) => status === 'ready' && renditions.some(isUnmeasured)),
    unanalysed: () => those(({ status, analysis }) => status === 'ready' && analysis?.status === 'pending'),
    readAlbums: async () => {},
    albumOf: albums.of,
    unownedUploads: (uploads) => unused(uploads, ({ upload }) => upload !== null),
    unusedCopies: (uploads) => unused(uploads, ({ hasSeekableCopy }) => hasSeekableCopy),
    async unownedHomes(homes) {
      await opened;
      return homes.filter((home) => !tracks.has(home) && !damaged.has(home));
    },
    async page(request) {
      await opened;
      return catalogue.page(request);
    },

    async add(wantedName, draft) {
      await opened;
      const existing = ofContent(draft.source.sha256);
      if (existing) return { track: existing, created: false };
      let created = false;
      const track = await adds.run(draft.source.sha256, () => {
        created = true;
        return addNew(wantedName, draft);
      });
      return { track, created };
    },

    async update(filename, change) {
      await opened;
      // A track that is going away queues nothing: its removal may wait for this very change.
      if (!tracks.has(filename)) return undefined;
      return turns.run(filename, async () => {
        const before = tracks.get(filename);
        if (!before) return undefined;
        const after = change(before);
        if (after === before) return before;
        await records.write(after);
        if (tracks.has(filename)) {
          tracks.set(filename, after);
          catalogue.change(before, after);
          albums.remove(before);
          albums.add(after);
        }
        return after;
      });
    },

    async remove(filename, beforeNameIsFree) {
      await opened;
      await turns.run(filename, async () => {
        const track = tracks.get(filename);
        if (!track) return;
        tracks.delete(filename);
        // The record goes first: without it the track does not exist, whatever else is still on disk.
        try {
          await records.remove(filename);
        } catch (error) {
          tracks.set(filename, track);
          throw error;
        }
        bySha256.remove(track);
        catalogue.remove(track);
        albums.remove(track);
        await beforeNameIsFree();
        await records.removeFolder(filename);
        takenNames.delete(filenameKey(filename));
      });
    },

    async damaged() {
      await opened;
      return [...damaged];
    },
    async assertWritable() {
      // A library that opens sweeps temporary files, and this one is temporary.
      await opened;
      const file = path.join(root, `${TEMPORARY_PREFIX}writable`);
      await writeFileAtomic(file, '');
      await rm(file, { force: true });
    },
  };
}

function isUnmeasured({ averageBandwidth }: Track['renditions'][number]): boolean {
  return averageBandwidth === null;
}
