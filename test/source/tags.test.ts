import { describe, expect, it } from 'vitest';
import { type PrintedTags, tagsOf } from '../../src/source/tags.ts';
import { MAX_GENRES } from '../../src/tracks/tag-text.ts';

const ofFile = (tags: PrintedTags) => tagsOf(tags, {}, 'mp3');

describe('names', () => {
  it.each([
    ['TITLE', 'title'],
    ['author', 'artist'],
    ['ALBUMARTIST', 'albumArtist'],
    ['Album Artist', 'albumArtist'],
    ['album_artist', 'albumArtist'],
    ['WM/AlbumArtist', 'albumArtist'],
    ['TCM', 'composer'],
    ['TYER', 'date'],
    ['WM/Year', 'date'],
    ['Description', 'comment'],
  ])('of %s are understood', (printed, name) => {
    expect(ofFile({ [printed]: '1999' })).toEqual({ [name]: '1999' });
  });

  it('of a tag have an order', () => {
    expect(ofFile({ description: 'long', comment: 'short', synopsis: 'longer' })).toEqual({
      comment: 'short',
    });
  });

  it('that objects have anyway are no tags', () => {
    expect(ofFile(JSON.parse('{"__proto__": "x", "constructor": "y"}'))).toEqual({});
  });
});

describe('numbers', () => {
  it.each([
    ['3/12', { track: 3, trackTotal: 12 }],
    ['03', { track: 3 }],
    [' 3 / 12 ', { track: 3, trackTotal: 12 }],
    ['/12', { trackTotal: 12 }],
    ['0/0', {}],
    ['A3', {}],
    ['-1', {}],
    ['1e3', {}],
    ['100000', {}],
    ['99999999999999999999', {}],
  ])('are read from %j', (track, expected) => {
    expect(ofFile({ track })).toEqual(expected);
  });

  it('of all tracks and discs have names of their own', () => {
    expect(ofFile({ track: '1', TOTALTRACKS: '9', disc: '1', DISCTOTAL: '2' })).toEqual({
      ...{ track: 1, trackTotal: 9, disc: 1, discTotal: 2 },
    });
    expect(ofFile({ TPA: '1/2' })).toEqual({ disc: 1, discTotal: 2 });
  });
});

describe('genres', () => {
  it.each([
    ['Rock', ['Rock']],
    ['Rock; Jazz;;Rock', ['Rock', 'Jazz']],
    ['Rock / Jazz', ['Rock', 'Jazz']],
    ['Rock\0Jazz', ['Rock', 'Jazz']],
    ['R&B/Soul', ['R&B/Soul']],
    ['(255)', undefined],
    [';', undefined],
  ])('are split: %j', (genre, genres) => {
    expect(ofFile({ genre }).genres).toEqual(genres);
  });

  it('are few', () => {
    const genre = Array.from({ length: 1000 }, (_, at) => `genre ${at}`).join(';');
    expect(ofFile({ genre }).genres).toHaveLength(MAX_GENRES);
  });
});

it.each([
  ['US-RC1-76-07839', 'USRC17607839'],
  ['usrc17607839', 'USRC17607839'],
  ['test4', undefined],
])('the ISRC %j is %j', (isrc, expected) => {
  expect(ofFile({ isrc }).isrc).toBe(expected);
});

it.each(['0000', '0', ' '])('the date %j is none', (date) => {
  expect(ofFile({ date })).toEqual({});
});

it.each([
  ' 00000371 00000481 00002E90 00002EA6 00000099 00000058 000073F3 0000768E 00000092 00000092',
  ' 00000000 00000210 0000086C 0000000000760804 00000000 005592F1 00000000 00000000 00000000',
  'AFspdate: 2003-01-30 03:28:34 UTC',
])('the comment %j is for programs', (comment) => {
  expect(ofFile({ comment })).toEqual({});
  expect(ofFile({ comment, description: 'for people' })).toEqual({ comment: 'for people' });
});

describe('the language', () => {
  it.each([
    ['eng', 'eng'],
    ['ENG', 'eng'],
    ['pt-BR', 'pt-br'],
    ['und', undefined],
    ['XXX', undefined],
    ['English', undefined],
  ])('%j is %j', (language, expected) => {
    expect(ofFile({ language }).language).toBe(expected);
  });

  it('is that of the file, or else of the stream', () => {
    expect(tagsOf({ language: 'deu' }, { language: 'eng' }, 'mp3').language).toBe('deu');
    expect(tagsOf({ language: 'und' }, { language: 'eng' }, 'mp3').language).toBe('eng');
  });
});

it('the tags of a stream are those of the recording in Ogg only', () => {
  const stream = { TITLE: 'Stereo' };
  expect(tagsOf({}, stream, 'ogg')).toEqual({ title: 'Stereo' });
  expect(tagsOf({}, stream, 'matroska')).toEqual({});
});
