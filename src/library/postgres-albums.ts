/** Reads the loudness of albums from the database: one statement for all albums of a page. */
import { LRUCache } from 'lru-cache';
import type { Query } from '../database/database.ts';
import { type AlbumLoudness, albumPartOf } from '../tracks/replay-gain.ts';
import type { Track } from '../tracks/track.ts';
import type { Library } from './library.ts';

const MOST_ALBUMS = 10_000;

export type PostgresAlbums = Pick<Library, 'readAlbums' | 'albumOf'>;

export function createPostgresAlbums(query: Query): PostgresAlbums {
  const known = new LRUCache<string, AlbumLoudness>({ max: MOST_ALBUMS });
  const keyOf = (track: Track) => albumPartOf(track)?.album;
  return {
    async readAlbums(tracks) {
      const keys = [...new Set(tracks.flatMap((track) => keyOf(track) ?? []))];
      if (keys.length === 0) return;
      // A database that is away takes no answer with it: the albums stay as they were read last.
      const rows = await query<{ album: string; lufs: number; peak: number | null }>(
        `select gain_album as album, max(gain_peak) as peak,
           10 * log(sum(gain_seconds * power(10, gain_lufs / 10)) / sum(gain_seconds)) as lufs
         from tracks where gain_album = any($1) and removed_at is null group by gain_album`,
        [keys],
      ).catch(() => []);
      for (const { album, lufs, peak } of rows)
        known.set(album, { integratedLufs: lufs, truePeakDbtp: peak });
    },
    albumOf: (track) => known.get(keyOf(track) ?? ''),
  };
}
