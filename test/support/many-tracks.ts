/** A library as large as one likes, for what serves it: nothing of it is on disk. */
import { vi } from 'vitest';
import type { Library, PageRequest } from '../../src/library/library.ts';
import type { Track } from '../../src/tracks/track.ts';
import { sampleTrack } from './sample-track.ts';

/** The oldest track is `track-0.mp3`. */
const trackAt = (n: number): Track =>
  sampleTrack({
    filename: `track-${n}.mp3`,
    status: 'ready' as const,
    uploadedAt: new Date(1_700_000_000_000 + n * 1000).toISOString(),
  });

/**
 * Makes `library.page` answer as one with so many tracks does.
 *
 * @param onPage called for each page that is read, with the number of its first track in the order that was asked for.
 */
export function pretendTracks(
  library: Library,
  count: number,
  onPage: (from: number) => void = () => {},
): void {
  vi.spyOn(library, 'page').mockImplementation(
    async ({ limit = count, cursor, oldestFirst = false }: PageRequest) => {
      const from = Number(cursor ?? 0);
      onPage(from);
      const length = Math.min(limit, count - from);
      const tracks = Array.from({ length }, (_, n) => trackAt(oldestFirst ? from + n : count - 1 - from - n));
      return { tracks, nextCursor: from + length < count ? String(from + length) : undefined };
    },
  );
}
