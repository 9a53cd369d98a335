/** Long answers about many tracks, made a slice at a time: memory and the event loop see one slice. */

import type { TimeSlices } from '../../concurrency/time-slices.ts';
import type { Page } from '../../library/library.ts';
import type { Track } from '../../tracks/track.ts';

/** Tracks in a slice: half a millisecond of work, a whole one with signed links, and 90 kB of JSON. */
export const TRACKS_IN_SLICE = 100;

/** Yields the tracks of all pages, each read when it is its turn. @param first where the first one is read already. */
export async function* walkTracks(
  read: (cursor?: string) => Promise<Page>,
  slices: TimeSlices,
  first?: Page,
): AsyncGenerator<Track[]> {
  await slices.next();
  for (let page = first ?? (await read()); ; page = await read(page.nextCursor)) {
    yield page.tracks;
    if (page.nextCursor === undefined) return;
    await slices.next();
  }
}

/** Yields tracks that were read already, a slice in each turn. */
export async function* inSlices(tracks: readonly Track[], slices: TimeSlices): AsyncGenerator<Track[]> {
  for (let from = 0; from < tracks.length; from += TRACKS_IN_SLICE) {
    await slices.next();
    yield tracks.slice(from, from + TRACKS_IN_SLICE);
  }
}

/** Yields the text of a JSON array, a slice at a time. */
export async function* jsonArray<T>(
  slices: AsyncIterable<T[]>,
  view: (item: T) => unknown,
): AsyncGenerator<string> {
  let before = '[';
  for await (const items of slices) {
    if (items.length === 0) continue;
    yield before + items.map((item) => JSON.stringify(view(item))).join(',');
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}
