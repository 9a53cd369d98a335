/** Edits the facts of a track: the changes that clients may ask for, and what they do to its record. */
import * as z from 'zod';
import { errors } from '../errors.ts';
import { type Facts, Tags } from './facts.ts';
import { type Json, type JsonObject, mergePatch } from './merge-patch.ts';
import { MAX_CHAPTERS, MAX_COMMENT, MAX_GENRES, MAX_TAG } from './tag-text.ts';
import { durationSeconds, type Track } from './track.ts';

const MAX_NUMBER = 99_999;
/** Bytes of metadata as JSON. */
const MAX_METADATA_BYTES = 4096;
/** An end that was rounded may lie so many seconds behind the end of the track, and is moved to it. */
const ROUNDED_SECONDS = 1;

/** Control characters other than tab and line breaks: no player shows them, and some cut text there. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/;

const text = (name: string, most = MAX_TAG) => {
  const expected = `"${name}" must be text of 1 to ${most} characters without control characters; null removes it`;
  return z
    .string(expected)
    .min(1, expected)
    .max(most, expected)
    .refine((value) => !CONTROLS.test(value), expected);
};
const count = (name: string) => {
  const expected = `"${name}" must be a whole number from 1 to ${MAX_NUMBER}; null removes it`;
  return z.int(expected).min(1, expected).max(MAX_NUMBER, expected);
};
const GENRES = `"genres" must be a list of 1 to ${MAX_GENRES} texts; null removes it`;

/** Refuses what is no object, and names the keys that an object must not have. */
const objectError = (name: string, keys: readonly string[]) => (issue: z.core.$ZodRawIssue) => {
  if (issue.code !== 'unrecognized_keys') return `${name} must be a JSON object`;
  const unknown = (issue.keys as string[]).map((key) => `"${key.slice(0, 100)}"`).join(', ');
  return `${name} must not have ${unknown}: what can be changed is ${keys.join(', ')}`;
};

const tagFields = {
  title: text('title'),
  artist: text('artist'),
  album: text('album'),
  albumArtist: text('albumArtist'),
  composer: text('composer'),
  genres: z.array(text('genres'), GENRES).min(1, GENRES).max(MAX_GENRES, GENRES),
  date: text('date'),
  track: count('track'),
  trackTotal: count('trackTotal'),
  disc: count('disc'),
  discTotal: count('discTotal'),
  isrc: text('isrc'),
  language: text('language'),
  comment: text('comment', MAX_COMMENT),
} satisfies Record<keyof Tags, z.ZodType>;

/** Returns the fields with null beside their values, each of them optional. */
const removable = <Shape extends Record<string, z.ZodType>>(shape: Shape) =>
  Object.fromEntries(Object.entries(shape).map(([name, schema]) => [name, schema.nullable().optional()])) as {
    [Name in keyof Shape]: z.ZodOptional<z.ZodNullable<Shape[Name]>>;
  };

const SECONDS = 'the times of chapters must be numbers of seconds from 0 on';
const EditedChapter = z.strictObject(
  {
    startSeconds: z.number(SECONDS).nonnegative(SECONDS),
    endSeconds: z.number(SECONDS).nonnegative(SECONDS),
    title: z
      .string('"title" of a chapter must be text')
      .max(MAX_TAG, `"title" of a chapter must have at most ${MAX_TAG} characters`)
      .refine((value) => !CONTROLS.test(value), '"title" of a chapter must have no control characters'),
  },
  { error: objectError('A chapter', ['startSeconds', 'endSeconds', 'title']) },
);

const TAG_NAMES = Object.keys(tagFields);
const CHAPTERS = `"chapters" must be a list of at most ${MAX_CHAPTERS} chapters, or null`;

/** The changes of an edit, as a patch (RFC 7396): what is absent stays, null removes. */
export const TrackEdit = z.strictObject(
  {
    tags: z
      .strictObject(removable(tagFields), { error: objectError('"tags"', TAG_NAMES) })
      .nullable()
      .optional()
      .meta({
        description: 'Tags to change; null removes all',
        examples: [{ title: 'Jóga', comment: null }],
      }),
    chapters: z
      .array(EditedChapter, CHAPTERS)
      .max(MAX_CHAPTERS, CHAPTERS)
      .nullable()
      .optional()
      .meta({
        description: 'All chapters, in the order of their start; null removes all',
        examples: [[{ startSeconds: 0, endSeconds: 60.5, title: 'Intro' }]],
      }),
    metadata: z
      .record(z.string(), z.unknown(), '"metadata" must be a JSON object, or null')
      .nullable()
      .optional()
      .meta({
        description: `Free data to merge; null removes all. At most ${MAX_METADATA_BYTES} bytes of JSON; \`externalId\` is found by \`q\``,
        examples: [{ externalId: 'album-7/3' }],
      }),
  },
  { error: objectError('The body', ['tags', 'chapters', 'metadata']) },
);
export type TrackEdit = z.infer<typeof TrackEdit>;

/**
 * Returns a track with an edit applied. What it changes is named in `edited`, so that the file of the track is not asked for it
 * again.
 *
 * @throws {AppError} 400 when chapters do not fit the track, or metadata is too large.
 */
export function editTrack(track: Track, { tags, chapters, metadata }: TrackEdit): Track {
  const edited = new Set(track.edited);
  const facts: Partial<Facts> = {};
  if (tags !== undefined) {
    const names = tags === null ? TAG_NAMES : Object.keys(tags);
    for (const name of names) edited.add(name);
    facts.tags = tags === null ? {} : Tags.parse(mergePatch(track.tags as JsonObject, tags as JsonObject));
  }
  if (chapters !== undefined) {
    edited.add('chapters');
    facts.chapters = fittingChapters(chapters ?? [], durationSeconds(track));
  }
  if (metadata !== undefined) {
    facts.metadata = metadata === null ? {} : mergePatch(track.metadata as Json, metadata as JsonObject);
    const bytes = Buffer.byteLength(JSON.stringify(facts.metadata));
    if (bytes > MAX_METADATA_BYTES) {
      const detail = `"metadata" would have ${bytes} bytes of JSON, and ${MAX_METADATA_BYTES} are allowed`;
      throw errors.invalidBody([{ pointer: '#/metadata', detail }]);
    }
  }
  return { ...track, ...facts, edited: [...edited].sort() };
}

/** Returns chapters that end within the track. @throws {AppError} 400 when one is outside, or before the one before it. */
function fittingChapters(chapters: Facts['chapters'], seconds: number): Facts['chapters'] {
  return chapters.map(({ startSeconds, endSeconds, title }, at) => {
    const wrong = (detail: string) => errors.invalidBody([{ pointer: `#/chapters/${at}`, detail }]);
    if (startSeconds < (chapters[at - 1]?.startSeconds ?? 0))
      throw wrong('chapters must be in the order of their start');
    if (startSeconds >= seconds || endSeconds > seconds + ROUNDED_SECONDS)
      throw wrong(`chapters must lie within the track, which has ${seconds} s`);
    if (endSeconds <= startSeconds) throw wrong('a chapter must end after its start');
    return { startSeconds, endSeconds: Math.min(endSeconds, seconds), title };
  });
}
