/**
 * Changes the cover of a track. New files are stored before the record names them, and old ones removed after it names them no
 * more: a record never names a cover that is missing.
 */
import { randomBytes } from 'node:crypto';
import { errors, UnknownOutcomeError } from '../errors.ts';
import type { Library } from '../library/library.ts';
import type { Storage } from '../storage/storage.ts';
import type { Cover } from '../tracks/facts.ts';
import type { Track } from '../tracks/track.ts';
import {
  areSamePictures,
  COVER_SIZES,
  type CoverFiles,
  coverFileName,
  coverOf,
  coverOfFile,
} from './cover-files.ts';

/** Changes under way are younger than this, in milliseconds. */
const ABANDONED_AFTER_MS = 3_600_000;

interface Stores {
  library: Library;
  storage: Storage;
}

/**
 * Sets the cover that a client has chosen; null leaves the track without one. What its file has is not asked for after that.
 * Of two changes at once the later one stands, whole.
 *
 * @param accept throws when the present state of the track does not allow the change.
 * @throws {AppError} 404 when there is no such track; what `accept` throws. Nothing is left of the new cover then.
 */
export async function editCover(
  filename: string,
  { files, accept }: { files: CoverFiles | null; accept(track: Track): void },
  stores: Stores,
): Promise<Track> {
  const cover = files && coverOf(files, { madeAt: Date.now(), salt: randomBytes(4).toString('hex') });
  const isKept = (track: Track) => areSamePictures(track.cover, cover);
  const track = await stores.library.get(filename);
  if (!track) throw errors.trackNotFound(filename);
  if (isKept(track)) {
    const kept = await stores.library.update(filename, (current) => {
      accept(current);
      return isKept(current) ? edited(current, current.cover) : current;
    });
    if (kept && isKept(kept)) return kept;
  }
  const changed = await replaceCover(
    track,
    {
      cover,
      files,
      change(current) {
        accept(current);
        return edited(current, cover);
      },
    },
    stores,
  );
  if (!changed) throw errors.trackNotFound(filename);
  return changed;
}

/**
 * Stores a cover and lets `change` name it in the record, or not. Resolves with undefined when the track is gone. Files that the
 * record does not name are removed: those of this change, of the cover before it, and of changes that a crash has cut off.
 */
export async function replaceCover(
  track: Track,
  { cover, files, change }: { cover: Cover | null; files: CoverFiles | null; change(current: Track): Track },
  { library, storage }: Stores,
): Promise<Track | undefined> {
  const { filename, home } = track;
  // On disk another upload under the same name has the same home.
  const isIt = (current: Track) =>
    current.home === home && current.uploadId === track.uploadId && current.uploadedAt === track.uploadedAt;
  const unneeded: (Cover | null)[] = [];
  let changed: Track | undefined;
  try {
    if (cover && files) await store(home, { cover, files }, storage);
    changed = await library.update(filename, (current) => {
      unneeded.length = 0;
      unneeded.push(current.cover, cover);
      return isIt(current) ? change(current) : current;
    });
  } catch (error) {
    // The record may name it.
    if (!(error instanceof UnknownOutcomeError)) await removeCover(home, cover, storage);
    throw error;
  }
  if (changed && isIt(changed)) {
    await removeUnnamed(changed, unneeded, storage);
    return changed;
  }
  await removeCover(home, cover, storage);
  return undefined;
}

function edited(track: Track, cover: Cover | null): Track {
  if (track.cover === cover && track.edited.includes('cover')) return track;
  return { ...track, cover, edited: [...new Set([...track.edited, 'cover'])].sort() };
}

async function store(
  home: string,
  { cover, files }: { cover: Cover; files: CoverFiles },
  storage: Storage,
): Promise<void> {
  for (const [size, bytes] of files) await storage.putSidecar(home, coverFileName(cover, size), bytes);
}

async function removeCover(home: string, cover: Cover | null, storage: Storage): Promise<void> {
  if (!cover) return;
  for (const size of COVER_SIZES) await storage.removeSidecar(home, coverFileName(cover, size));
}

/** Removes covers that the record does not name. Another change may have stored its own, which it will name in a moment. */
async function removeUnnamed(
  { home, cover: named }: Track,
  unneeded: readonly (Cover | null)[],
  storage: Storage,
): Promise<void> {
  const abandoned = Date.now() - ABANDONED_AFTER_MS;
  for (const name of await storage.listSidecars(home)) {
    const found = coverOfFile(name);
    if (!found || found.cover.hash === named?.hash) continue;
    const isUnneeded = unneeded.some((cover) => cover?.hash === found.cover.hash);
    if (isUnneeded || found.madeAt < abandoned) await storage.removeSidecar(home, name);
  }
}
