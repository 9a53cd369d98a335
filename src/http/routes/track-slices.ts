/** Makes long responses about many tracks in slices, so that only one slice is in memory and blocks the event loop. */
import type { TimeSlices } from '../../concurrency/time-slices.ts';
import type { Page } from '../../library/library.ts';
import type { Track } from '../../tracks/track.ts';

/** Tracks in a slice: half a millisecond of work, one millisecond with signed links, and 90 kB of JSON. */
export const TRACKS_IN_SLICE = 100;

/**
 * Yields the tracks of all pages, and reads each page only when it is due.
 *
 * @param first the first page, if it is read already.
 */
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

/** Yields tracks that are read already, one slice per turn. */
export async function* inSlices(tracks: readonly Track[], slices: TimeSlices): AsyncGenerator<Track[]> {
  for (let from = 0; from < tracks.length; from += TRACKS_IN_SLICE) {
    await slices.next();
    yield tracks.slice(from, from + TRACKS_IN_SLICE);
  }
}

/** Yields the text of a JSON array, a slice at a time. */
export async function* jsonArray<T>(
  slices: AsyncIterable<T[]>,
  view: (items: T[]) => Promise<unknown[]>,
): AsyncGenerator<string> {
  let before = '[';
  for await (const items of slices) {
    if (items.length === 0) continue;
    const views = await view(items);
    yield before + views.map((each) => JSON.stringify(each)).join(',');
    before = ',';
  }
  yield before === '[' ? '[]' : ']';
}
