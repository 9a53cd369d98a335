/** Compares a whole library with its records. Changes nothing. */
import { inOrder } from '../concurrency/in-order.ts';
import { isWholeSegment, readBoxes, readFragment } from '../encoding/boxes.ts';
import { COVER_SIZES, coverFileName } from '../facts/cover-files.ts';
import type { Library } from '../library/library.ts';
import { allSegmentNames, parseSegmentName } from '../presentation/segment-name.ts';
import { timelineOf } from '../presentation/timeline.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import { findOrphans } from './orphans.ts';

const PAGE_TRACKS = 1000;
/** Segments that are read at the same time: one after the other, a bucket takes some 4 ms for each. */
const READS_AT_ONCE = 16;

/** One difference. */
export interface Finding {
  /** Its track; null for a file that belongs to none. */
  filename: string | null;
  problem: string;
}

/** Reads every record and every stored segment, track by track, and yields differences as it finds them. */
export async function* verifyLibrary(services: {
  library: Library;
  storage: Storage;
}): AsyncGenerator<Finding> {
  const { library, storage } = services;
  for await (const track of allTracks(library)) yield* verifyTrack(track, storage);
  // After the walk: a library that is not in memory meets them on its way.
  for (const filename of await library.damaged()) yield { filename, problem: 'its record cannot be read' };
  const { uploads, copies, homes } = await findOrphans(services, { ageMs: 0 });
  const ofNoTrack = [
    ...homes.map((home) => `segments/${home}`),
    ...uploads.map((upload) => `uploads/${upload}`),
  ];
  for (const file of ofNoTrack) yield { filename: null, problem: `${file} belongs to no track` };
  for (const upload of copies)
    yield { filename: null, problem: `uploads/${upload}.flac is used by no track` };
}

async function* allTracks(library: Library): AsyncGenerator<Track> {
  let cursor: string | undefined;
  do {
    const page = await library.page({ limit: PAGE_TRACKS, cursor });
    yield* page.tracks;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** What the stored parts of a track are read from. */
type Stored = Pick<Storage, 'hasUpload' | 'listSegments' | 'readSegment' | 'listSidecars'>;

/** Compares what is stored of a track with its record. */
export async function* verifyTrack(track: Track, storage: Stored): AsyncGenerator<Finding> {
  const { filename, home, status, upload } = track;
  const finding = (problem: string): Finding => ({ filename, problem });
  if (upload !== null) {
    if (!(await storage.hasUpload(upload))) yield finding(`its original uploads/${upload} is missing`);
  }
  const stored = new Set((await storage.listSegments(home)).map(({ name }) => name));
  const problemOf = async (name: string) => {
    if (stored.has(name)) return { name, problem: await segmentProblem(track, name, storage) };
    return { name, problem: status === 'ready' ? 'is missing' : undefined };
  };
  for await (const { name, problem } of inOrder(allSegmentNames(track), READS_AT_ONCE, problemOf)) {
    stored.delete(name);
    if (problem) yield finding(`${name} ${problem}`);
  }
  for (const name of stored) yield finding(`${name} is none of its segments`);
  for (const name of await missingCovers(track, storage)) yield finding(`its cover ${name} is missing`);
}

async function missingCovers({ home, cover }: Track, storage: Stored): Promise<string[]> {
  if (!cover) return [];
  const stored = new Set(await storage.listSidecars(home));
  return COVER_SIZES.map((size) => coverFileName(cover, size)).filter((name) => !stored.has(name));
}

/** Resolves with the fault of a stored segment, cut short or off the timeline, or with undefined. */
async function segmentProblem(track: Track, name: string, storage: Stored): Promise<string | undefined> {
  const bytes = await storage.readSegment(track.home, name);
  if (!bytes || !isWholeSegment(bytes)) return 'is cut short';
  const index = parseSegmentName(name)?.index;
  if (typeof index !== 'number') return undefined;
  const { start, duration } = timelineOf(track).media(index);
  let end = start;
  async function* once() {
    yield bytes as Buffer;
  }
  for await (const box of readBoxes(once())) {
    if (box.type !== 'moof') continue;
    const fragment = readFragment(box.bytes);
    if (fragment.decodeTime !== end) return `begins at sample ${fragment.decodeTime} instead of ${end}`;
    end += fragment.duration;
  }
  return end === start + duration ? undefined : `ends at sample ${end} instead of ${start + duration}`;
}
