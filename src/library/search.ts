/** What a request for a page searches for in the folded texts of tracks. Pure. */
import type { PageRequest } from './library.ts';
import { KEY_LENGTH, keyOf, keysOf, wordsOf } from './search-text.ts';

export interface Search {
  /** Parts that a text has if it is found. */
  needles: string[];
  isFound(text: string): boolean;
}

/** Returns what a request searches for; undefined where it asks for all tracks. */
export function searchOf({ query = '', status, artist, album }: PageRequest): Search | undefined {
  const words = wordsOf(query);
  const artistKey = artist === undefined ? undefined : keyOf(artist);
  const albumKey = album === undefined ? undefined : keyOf(album);
  const keys = [artistKey, albumKey].filter((key) => key !== undefined);
  if (words.length + keys.length === 0 && status === undefined) return undefined;
  const hasKeys = (text: string) => {
    const own = keysOf(text);
    return own.artist === (artistKey ?? own.artist) && own.album === (albumKey ?? own.album);
  };
  return {
    // The last unit of a key that was cut may stand for half a character.
    needles: [...words, ...keys.map((key) => key.slice(0, KEY_LENGTH - 1))],
    isFound: (text) => words.every((word) => text.includes(word)) && (keys.length === 0 || hasKeys(text)),
  };
}
