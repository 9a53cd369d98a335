/** Makes tags of what ffprobe prints: each format has its own names for them, and ffmpeg translates most. Pure. */
import type { Tags } from '../tracks/facts.ts';
import { commentText, MAX_GENRES, tagText } from '../tracks/tag-text.ts';

/** Tags as ffprobe prints them. */
export type PrintedTags = Record<string, string>;

/** What ffmpeg calls each tag, in the order of preference. It compares names without regard to case. */
const NAMES = {
  title: ['title'],
  artist: ['artist', 'author', 'performer'],
  album: ['album', 'wm/albumtitle'],
  albumArtist: ['album_artist', 'albumartist', 'album artist', 'wm/albumartist'],
  composer: ['composer', 'wm/composer'],
  genre: ['genre', 'wm/genre'],
  date: ['date', 'year', 'tdrc', 'tdrl', 'tyer', 'tye', 'wm/year', 'date_released'],
  track: ['track', 'tracknumber', 'wm/tracknumber', 'part_number'],
  trackTotal: ['tracktotal', 'totaltracks', 'total_parts'],
  disc: ['disc', 'discnumber', 'wm/partofset'],
  discTotal: ['disctotal', 'totaldiscs'],
  isrc: ['isrc', 'tsrc', 'trc', 'wm/isrc'],
  language: ['language', 'lang', 'tlan', 'tla', 'wm/language'],
  comment: ['comment', 'description', 'synopsis'],
} as const;

/** All names, as ffprobe takes them: it prints no others. */
export const PRINTED_NAMES = Object.values(NAMES).flat();

/** ISO 3901: a country, an owner, a year, a number. RIFF calls the source of a recording so too. */
const ISRC = /^[A-Z]{2}[A-Z0-9]{3}\d{7}$/;
/** ISO 639-2, or a tag of BCP 47. */
const LANGUAGE = /^[a-z]{2,3}(-[a-z0-9]{1,8})*$/i;
const UNDETERMINED = 'und';
const SEPARATORS = /\s*(?:;|\0| \/ )\s*/;
const MAX_NUMBER = 99_999;

/**
 * Returns the tags of a recording.
 *
 * @param printed the tags of the file, and those of its stream: Ogg keeps them there. The first that has one counts.
 */
export function tagsOf(...printed: readonly PrintedTags[]): Tags {
  const lowered = printed.map(
    (tags) => new Map(Object.entries(tags).map(([name, text]) => [name.toLowerCase(), text])),
  );
  const find = (name: keyof typeof NAMES): string[] =>
    lowered.flatMap((tags) => NAMES[name].flatMap((printedName) => tags.get(printedName) ?? []));
  const first = <T>(name: keyof typeof NAMES, read: (text: string) => T | undefined): T | undefined => {
    for (const text of find(name)) {
      const value = read(text);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const numbers = (name: 'track' | 'disc') => first(name, numbersOf) ?? [];
  const [track, trackTotal] = numbers('track');
  const [disc, discTotal] = numbers('disc');
  return present({
    title: first('title', tagText),
    artist: first('artist', tagText),
    album: first('album', tagText),
    albumArtist: first('albumArtist', tagText),
    composer: first('composer', tagText),
    genres: first('genre', genresOf),
    date: first('date', tagText),
    track,
    trackTotal: trackTotal ?? first('trackTotal', countOf),
    disc,
    discTotal: discTotal ?? first('discTotal', countOf),
    isrc: first('isrc', isrcOf),
    language: first('language', languageOf),
    comment: first('comment', commentText),
  });
}

/** Returns an object without its undefined members. */
function present(tags: { [Name in keyof Tags]: Tags[Name] | undefined }): Tags {
  return Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== undefined)) as Tags;
}

function genresOf(text: string): string[] | undefined {
  const genres = text.split(SEPARATORS, 10 * MAX_GENRES).flatMap((genre) => tagText(genre) ?? []);
  const distinct = [...new Set(genres)].slice(0, MAX_GENRES);
  return distinct.length > 0 ? distinct : undefined;
}

/** Reads `3`, `3/12` and the like. */
function numbersOf(text: string): [number, number | undefined] | undefined {
  const [number, total] = text.split('/', 2);
  const count = countOf(number ?? '');
  return count === undefined ? undefined : [count, total === undefined ? undefined : countOf(total)];
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
  const language = tagText(text);
  return language && LANGUAGE.test(language) && language.toLowerCase() !== UNDETERMINED
    ? language
    : undefined;
}
