/** Knows the loudness of albums, by the tracks that are analysed. */
import { type AlbumLoudness, type AlbumPart, albumLoudness, albumPartOf } from '../tracks/replay-gain.ts';
import type { Track } from '../tracks/track.ts';

export interface AlbumIndex {
  add(track: Track): void;
  remove(track: Track): void;
  of(track: Track): AlbumLoudness | undefined;
}

interface Album {
  parts: Map<string, AlbumPart>;
  /** Made when it is asked for, and again after a change. */
  loudness: AlbumLoudness | undefined;
}

export function createAlbumIndex(): AlbumIndex {
  const albums = new Map<string, Album>();
  return {
    add(track) {
      const part = albumPartOf(track);
      if (!part) return;
      const album = albums.get(part.album) ?? { parts: new Map(), loudness: undefined };
      albums.set(part.album, album);
      album.parts.set(track.filename, part);
      album.loudness = undefined;
    },
    remove(track) {
      const key = albumPartOf(track)?.album;
      const album = key === undefined ? undefined : albums.get(key);
      if (!album) return;
      album.parts.delete(track.filename);
      album.loudness = undefined;
      if (album.parts.size === 0) albums.delete(key as string);
    },
    of(track) {
      const album = albums.get(albumPartOf(track)?.album ?? '');
      if (!album) return undefined;
      album.loudness ??= albumLoudness(album.parts.values());
      return album.loudness;
    },
  };
}
