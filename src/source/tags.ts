/** Makes tags of what ffprobe prints: each format has its own names for them, and ffmpeg translates most. Pure. */
import type { Tags } from '../tracks/facts.ts';
import { commentText, MAX_GENRES, tagText } from '../tracks/tag-text.ts';

/** Tags as ffprobe prints them. */
export type PrintedTags = Record<string, string>;

/** What ffmpeg calls each tag, in the order of preference. It compares names without regard to case. */
const NAMES = {
  title: ['title'],
  artist: ['artist', 'author', 'performer'],
  // Matroska puts the kind of the target before the name.
  album: ['album', 'wm/albumtitle', 'album/title'],
  albumArtist: ['album_artist', 'albumartist', 'album artist', 'wm/albumartist', 'album/artist'],
  // Three letters: names of ID3v2.2 that ffmpeg 5.1 does not translate.
  composer: ['composer', 'tcm', 'wm/composer'],
  genre: ['genre', 'wm/genre'],
  date: ['date', 'year', 'tdrc', 'tdrl', 'tyer', 'tye', 'wm/year', 'date_released'],
  track: ['track', 'tracknumber', 'wm/tracknumber', 'part_number'],
  trackTotal: ['tracktotal', 'totaltracks', 'total_parts'],
  disc: ['disc', 'discnumber', 'tpa', 'wm/partofset', 'part of a set'],
  discTotal: ['disctotal', 'totaldiscs'],
  isrc: ['isrc', 'tsrc', 'trc', 'wm/isrc'],
  language: ['language', 'lang', 'tlan', 'tla', 'wm/language'],
  comment: ['comment', 'comments', 'description', 'synopsis'],
} as const;

/** All names, as ffprobe takes them: it prints no others. */
export const PRINTED_NAMES = Object.values(NAMES).flat();

/** ISO 3901: a country, an owner, a year, a number. RIFF calls the source of a recording so too. */
const ISRC = /^[A-Z]{2}[A-Z0-9]{3}\d{7}$/;
/** ISO 639-2, or a tag of BCP 47. */
const LANGUAGE = /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i;
/** ISO 639-2 "undetermined", and what ID3v2 says for "unknown". */
const NO_LANGUAGES = new Set(['und', 'xxx']);
/** A number of ID3v1 that ffmpeg has no genre for. */
const GENRE_NUMBER = /^\(?\d+\)?$/;
/** Numbers of iTunes about loudness, gaps and CDs; the mark of a program. */
const JUNK_COMMENT = /^\s*([0-9a-f]{8,16}[\s+]*){8,}$|^AFspdate:/i;
/** Characters in which a comment shows that it is junk. Numbers of iTunes have about 120. */
const COMMENT_BEGINNING = 300;
const SEPARATORS = /\s*(?:;|\0| \/ )\s*/;
const MAX_NUMBER = 99_999;

/**
 * Returns the tags of a recording.
 *
 * @param file tags of the file. The first that has one counts.
 * @param stream tags of the stream that is played.
 * @param container name of ffmpeg's demuxer. Ogg keeps the tags of the recording in the stream. In other containers the title of
 *   a stream says what it is for (`Stereo`), so only its language counts.
 */
export function tagsOf(file: PrintedTags, stream: PrintedTags, container: string): Tags {
  const [ofFile, ofStream] = [file, stream].map(
    (tags) => new Map(Object.entries(tags).map(([name, text]) => [name.toLowerCase(), text])),
  ) as [Map<string, string>, Map<string, string>];
  const find = (name: keyof typeof NAMES): string[] => {
    const places = container === 'ogg' || name === 'language' ? [ofFile, ofStream] : [ofFile];
    return places.flatMap((tags) => NAMES[name].flatMap((printedName) => tags.get(printedName) ?? []));
  };
  const first = <T>(name: keyof typeof NAMES, read: (text: string) => T | undefined): T | undefined => {
    for (const text of find(name)) {
      const value = read(text);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  /** Reads `3`, `3/12` and the like. */
  const part = (name: 'track' | 'disc', at: 0 | 1) =>
    first(name, (text) => countOf(text.split('/')[at] ?? ''));
  return present({
    title: first('title', tagText),
    artist: first('artist', tagText),
    album: first('album', tagText),
    albumArtist: first('albumArtist', tagText),
    composer: first('composer', tagText),
    genres: first('genre', genresOf),
    date: first('date', dateOf),
    track: part('track', 0),
    trackTotal: part('track', 1) ?? first('trackTotal', countOf),
    disc: part('disc', 0),
    discTotal: part('disc', 1) ?? first('discTotal', countOf),
    isrc: first('isrc', isrcOf),
    language: first('language', languageOf),
    comment: first('comment', commentOf),
  });
}

/** Returns an object without its undefined members. */
function present(tags: { [Name in keyof Tags]: Tags[Name] | undefined }): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== undefined)) as Tags;
}

function genresOf(text: string): string[] | undefined {
  const genres = text.split(SEPARATORS, 10 * MAX_GENRES).flatMap((genre) => tagText(genre) ?? []);
  const named = genres.filter((genre) => !GENRE_NUMBER.test(genre));
  const distinct = [...new Set(named)].slice(0, MAX_GENRES);
  return distinct.length > 0 ? distinct : undefined;
}

/** Returns a date as the file writes it. Files without one have zeros. */
function dateOf(text: string): string | undefined {
  const date = tagText(text);
  return date && /[1-9]/.test(date) ? date : undefined;
}

function commentOf(text: string): string | undefined {
  return JUNK_COMMENT.test(text.slice(0, COMMENT_BEGINNING)) ? undefined : commentText(text);
}

function countOf(text: string): number | undefined {
  const digits = /^\s*(\d{1,9})\s*$/.exec(text)?.[1];
  const count = Number(digits);
  return count >= 1 && count <= MAX_NUMBER ? count : undefined;
}

function isrcOf(text: string): string | undefined {
  const code = text.replace(/[\s\0-]/g, '').toUpperCase();
  return ISRC.test(code) ? code : undefined;
}

function languageOf(text: string): string | undefined {
  const language = tagText(text)?.toLowerCase();
  return language && LANGUAGE.test(language) && !NO_LANGUAGES.has(language) ? language : undefined;
}
