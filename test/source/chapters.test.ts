import { expect, it } from 'vitest';
import { chaptersOf } from '../../src/source/chapters.ts';
import { MAX_CHAPTERS } from '../../src/tracks/tag-text.ts';

/** @param times start, end, title */
const printed = (...times: [number | string, number | string, string?][]) =>
  times.map(([start, end, title]) => ({
    start_time: String(start),
    end_time: String(end),
    ...(title !== undefined && { tags: { title } }),
  }));
const spans = (...times: Parameters<typeof printed>) =>
  chaptersOf(printed(...times), 100).map(({ startSeconds, endSeconds }) => [startSeconds, endSeconds]);

it('keeps the titles of chapters, without control characters, or calls them by their number', () => {
  expect(chaptersOf(printed([0, 50, ' One\0 <b>& ']), 100)).toEqual([
    { startSeconds: 0, endSeconds: 50, title: 'One <b>&' },
  ]);
  expect(chaptersOf(printed([0, 50], [50, 60, '\0']), 100).map(({ title }) => title)).toEqual([
    'Chapter 1',
    'Chapter 2',
  ]);
});

it('sorts them, and keeps gaps', () => {
  expect(spans([60, 100], [0, 30], [30, 50])).toEqual([
    ...[
      [0, 30],
      [30, 50],
      [60, 100],
    ],
  ]);
});

it('cuts those that reach over the next one, or out of the track', () => {
  expect(spans([0, 70], [50, 1000])).toEqual([
    [0, 50],
    [50, 100],
  ]);
  expect(spans([-5, 10])).toEqual([[0, 10]]);
});

it('leaves out those outside of the track, and all but the longest of those that begin at once', () => {
  expect(spans([-5, -1], [0, 10], [0, 40], [100, 110], [250, 260])).toEqual([[0, 40]]);
});

it('lets a chapter without an end last until the next one', () => {
  expect(spans([0, 0], [10, 'N/A'], [20, '-9223372036854775808'])).toEqual([
    [0, 10],
    [10, 20],
    [20, 100],
  ]);
  expect(chaptersOf([{ start_time: '5' }], 100)).toEqual([
    { startSeconds: 5, endSeconds: 100, title: 'Chapter 1' },
  ]);
});

it('leaves out chapters without a start', () => {
  expect(chaptersOf([{}, { start_time: 'N/A', end_time: '3' }, { start_time: '1e999' }], 100)).toEqual([]);
});

it('keeps the first thousand', () => {
  const many = Array.from({ length: 10_000 }, (_, at): [number, number] => [9999 - at, 10_000 - at]);
  const kept = chaptersOf(printed(...many), 10_000);
  expect(kept).toHaveLength(MAX_CHAPTERS);
  expect(kept.at(-1)).toMatchObject({ startSeconds: 999, endSeconds: 1000 });
});

it('lets the last one that is kept end where the next one begins', () => {
  const many = Array.from({ length: MAX_CHAPTERS + 1 }, (_, at): [number, number] => [at, 5000]);
  expect(chaptersOf(printed(...many), 5000).at(-1)).toMatchObject({ startSeconds: 999, endSeconds: 1000 });
});

it('keeps chapters of a millisecond', () => {
  const many = Array.from({ length: 900 }, (_, at): [string, string] => [
    (at / 1000).toFixed(6),
    ((at + 1) / 1000).toFixed(6),
  ]);
  expect(spans(...many)).toHaveLength(900);
});
