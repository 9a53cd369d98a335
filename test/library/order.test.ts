import { describe, expect, it } from 'vitest';
import { comparePlaces, decodeCursor, encodeCursor, type SortedPlace } from '../../src/library/order.ts';

const place = (filename: string, second: number, key: string | number = ''): SortedPlace => ({
  filename,
  uploadedAt: new Date(1_700_000_000_000 + second * 1000).toISOString(),
  key,
});
const namesInOrder = (...places: SortedPlace[]) => places.sort(comparePlaces).map(({ filename }) => filename);

describe('places', () => {
  it('are in the order of their keys, then of the upload, then of the names', () => {
    const places = [place('a', 3, 'x'), place('b', 1, 'y'), place('d', 2, 'x'), place('c', 2, 'x')];
    expect(namesInOrder(...places)).toEqual(['c', 'd', 'a', 'b']);
    expect(namesInOrder(place('a', 1, 10), place('b', 1, 9.5), place('c', 1, 100))).toEqual(['b', 'a', 'c']);
  });

  it('are in the order of code points, as the bytes of UTF-8 are', () => {
    const texts = [
      '',
      'a',
      'ab',
      'b',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '\u{10000}',
      '\u{10000}a',
      '\u{10ffff}',
    ];
    expect(texts.toSorted((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))).toEqual(
      texts,
    );
    const places = texts.map((text, n) => place(String(n), 0, text)).reverse();
    expect(namesInOrder(...places)).toEqual(texts.map((_, n) => String(n)));
  });
});

describe('a cursor', () => {
  it.each([
    ['newest', place('ä b', 1)],
    ['title', place('a', 1, '東京 "x" \u{1f3b5}')],
    ['artist', place('a', 1, '\u{10ffff}')],
    ['duration', place('a', 1, 0.1 + 0.2)],
  ] as const)('of %s leads to its place', (sort, at) => {
    const { filename } = at;
    // Names of tracks have no space.
    const expected = sort === 'newest' ? { ...at, filename: filename.split(' ')[0] } : at;
    expect(decodeCursor(encodeCursor(at, sort), sort)).toEqual(expected);
  });

  it('of an earlier version, which is a time alone, still leads on', () => {
    const { uploadedAt } = place('b', 2);
    const cursor = Buffer.from(uploadedAt).toString('base64url');
    expect(decodeCursor(cursor, 'newest')).toEqual({ key: '', uploadedAt, filename: '' });
  });

  it.each([
    ['newest', 'title'],
    ['title', 'newest'],
    ['title', 'artist'],
    ['duration', 'title'],
    ['artist', 'duration'],
  ] as const)('of %s is refused for %s', (given, sort) => {
    const cursor = encodeCursor(place('a', 1, given === 'duration' ? 1 : 'x'), given);
    expect(() => decodeCursor(cursor, sort)).toThrow(expect.objectContaining({ code: 'invalid_query' }));
  });

  it.each([
    'null',
    '{}',
    '[]',
    '["title"]',
    '["title",1,"2025-03-14T09:26:53.589Z","a"]',
    '["title","x","yesterday","a"]',
    '["title","x",5,"a"]',
    '["title","x","2025-03-14T09:26:53.589Z"]',
  ])('that nobody gave is refused: %s', (text) => {
    const refused = () => decodeCursor(Buffer.from(text).toString('base64url'), 'title');
    expect(refused).toThrow(expect.objectContaining({ code: 'invalid_query' }));
  });
});
