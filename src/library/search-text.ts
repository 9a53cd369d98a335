/** The text in which a track is found and by which it is sorted, the same in every library. Pure. */
import { fold } from '../tracks/folding.ts';
import type { Track } from '../tracks/track.ts';

/** A track, or the draft of one with its name. */
export type Searched = Pick<
  Track,
  'filename' | 'originalName' | 'tags' | 'metadata' | 'samples' | 'sampleRate'
>;

/** Keys by which a track is sorted and chosen. Tracks without a title are sorted by their file name. */
export interface SearchKeys {
  title: string;
  /** `NO_TAG` for a track without one. */
  artist: string;
  /** `NO_TAG` for a track without one. */
  album: string;
}

/** Comes after all artists, and is none of them. */
const NO_TAG = '\u{10ffff}';
/** UTF-16 units of a key: an index of PostgreSQL takes 2.7 kB for a row. */
export const KEY_LENGTH = 100;

/**
 * Returns the folded text of a track: a line each for title, artist, album and file name, then for its other name and its
 * external id. A tag that is absent leaves its line empty.
 */
export function searchTextOf({ filename, originalName, tags, metadata }: Searched): string {
  const { externalId } = metadata;
  const isId = typeof externalId === 'string' || typeof externalId === 'number';
  const name = fold(filename);
  const others = [
    originalName === filename ? name : fold(originalName),
    isId ? fold(String(externalId)) : '',
  ];
  const more = others.filter((text) => text !== '' && text !== name);
  const tagLines = [tags.title, tags.artist, tags.album].map((text) => fold(text ?? ''));
  return [...tagLines, name, ...more].join('\n');
}

/** Returns the keys of a track by its folded text. */
export function keysOf(searchText: string): SearchKeys {
  const [title = '', artist = '', album = '', name = ''] = searchText.split('\n', 4);
  return { title: cut(title || name), artist: cut(artist) || NO_TAG, album: cut(album) || NO_TAG };
}

/** Returns what `keysOf` returns for a tag. Text without a letter is the key of no track. */
export function keyOf(tag: string): string {
  return cut(fold(tag));
}

/** Returns the folded words that must all occur in the text of a track, without those that others contain. */
export function wordsOf(query: string): string[] {
  const words = [...new Set(fold(query).split(' '))].filter((word) => word !== '');
  return words.filter((word) => !words.some((other) => other !== word && other.includes(word)));
}

function cut(text: string): string {
  return text.length <= KEY_LENGTH ? text : text.slice(0, KEY_LENGTH).toWellFormed();
}
