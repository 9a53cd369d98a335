/** Looks through a whole library, and tells what is not as its records say. Changes nothing. */

import { isWholeSegment, readBoxes, readFragment } from '../encoding/boxes.ts';
import type { Library } from '../library/library.ts';
import { initSegmentName, mediaSegmentName, parseSegmentName } from '../presentation/segment-name.ts';
import { timelineOf } from '../presentation/timeline.ts';
import type { Storage } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';

/** One thing that is wrong. */
export interface Finding {
  /** The track that it is about; null for what belongs to none. */
  filename: string | null;
  problem: string;
}

/** Reads every record and every stored segment, one after the other, and yields what is wrong as it is found. */
export async function* verifyLibrary(services: {
  library: Library;
  storage: Storage;
}): AsyncGenerator<Finding> {
  const { library, storage } = services;
  const { tracks } = await library.page({});
  const damaged = await library.damaged();
  for (const filename of damaged) yield { filename, problem: 'its track.json cannot be read' };
  for (const track of tracks) yield* verifyTrack(track, storage);

  const names = new Set([...tracks.map(({ filename }) => filename), ...damaged]);
  for (const folder of await storage.listSegmentFolders()) {
    if (!names.has(folder)) yield { filename: null, problem: `segments/${folder} belongs to no track` };
  }
  const owned = new Set(tracks.map(({ upload }) => upload));
  // What a damaged record owns cannot be known.
  for (const upload of damaged.length > 0 ? [] : await storage.listUploads()) {
    if (!owned.has(upload)) yield { filename: null, problem: `uploads/${upload} belongs to no track` };
  }
}

async function* verifyTrack(track: Track, storage: Storage): AsyncGenerator<Finding> {
  const { filename, status, upload, renditions } = track;
  const finding = (problem: string): Finding => ({ filename, problem });
  if (upload !== null) {
    const isThere = await storage.uploadPath(upload).then(
      () => true,
      () => false,
    );
    if (!isThere) yield finding(`its original uploads/${upload} is missing`);
  }
  const timeline = timelineOf(track);
  const stored = new Set((await storage.listSegments(filename)).map(({ name }) => name));
  for (const rendition of renditions) {
    const expected = [
      initSegmentName(rendition),
      ...Array.from({ length: timeline.segmentCount }, (_, index) => mediaSegmentName(rendition, index)),
    ];
    for (const name of expected) {
      if (stored.delete(name)) {
        const problem = await segmentProblem(track, name, storage);
        if (problem) yield finding(`${name} ${problem}`);
      } else if (status === 'ready') yield finding(`${name} is missing`);
    }
  }
  for (const name of stored) yield finding(`${name} is none of its segments`);
}

/** @returns what is wrong with a stored segment: cut short, or not where the timeline says. */
async function segmentProblem(track: Track, name: string, storage: Storage): Promise<string | undefined> {
  const bytes = await storage.readSegment(track.filename, name);
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
