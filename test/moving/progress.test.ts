import { expect, it, vi } from 'vitest';
import { createProgress, duration, progressLine, size } from '../../src/moving/progress.ts';

it('says how far it is, how fast, and how long it will take', () => {
  const from = { at: 0, tracks: 0, bytes: 0, doneBytes: 0 };
  const to = { at: 10_000, tracks: 250, bytes: 200e6, doneBytes: 250e6 };
  const line = (total: { tracks: number; bytes: number }) =>
    progressLine({ what: 'Copying', total, from, to });
  expect(line({ tracks: 1000, bytes: 10e9 })).toBe(
    'Copying: 250 of 1,000 tracks, 200.0 MB, 20.0 MB/s, 7 min left',
  );
  expect(line({ tracks: 200, bytes: 1 })).toBe('Copying: 250 of 250 tracks, 200.0 MB, 20.0 MB/s, 0 s left');
});

it('does not guess before a track is done', () => {
  const from = { at: 0, tracks: 0, bytes: 0, doneBytes: 0 };
  const to = { ...from, at: 3000, bytes: 3000 };
  expect(progressLine({ what: 'Copying', total: { tracks: 9, bytes: 9 }, from, to })).toBe(
    'Copying: 0 of 9 tracks, 3.0 kB, 1.0 kB/s',
  );
});

it('says so once in a while when an engine does not answer', () => {
  vi.useFakeTimers();
  const lines: string[] = [];
  const progress = createProgress((line) => void lines.push(line));
  const error = new Error('for clients', { cause: new Error('connection refused') });
  for (let second = 0; second <= 12; second++) {
    progress.trouble(error);
    vi.advanceTimersByTime(1000);
  }
  vi.useRealTimers();
  expect(lines).toEqual(Array(2).fill('An engine does not answer (connection refused). Trying again.'));
});

it('prints a line every few seconds until it is closed', () => {
  vi.useFakeTimers();
  const lines: string[] = [];
  const progress = createProgress((line) => void lines.push(line));
  progress.begin('Copying', { tracks: 2, bytes: 20 });
  progress.copied(10);
  progress.done({ storedBytes: 10 });
  vi.advanceTimersByTime(6000);
  progress.close();
  vi.advanceTimersByTime(6000);
  vi.useRealTimers();
  expect(lines).toEqual([
    'Copying: 1 of 2 tracks, 10 B, 3 B/s, 3 s left',
    'Copying: 1 of 2 tracks, 10 B, 2 B/s, 6 s left',
  ]);
});

it.each([
  [0, '0 B'],
  [999, '999 B'],
  [1500, '1.5 kB'],
  [2.5e12, '2.5 TB'],
  [9e15, '9000.0 TB'],
])('writes %i bytes as %s', (bytes, text) => expect(size(bytes)).toBe(text));

it.each([
  [5, '5 s'],
  [300, '5 min'],
  [7500, '2 h 5 min'],
])('writes %i seconds as %s', (seconds, text) => expect(duration(seconds)).toBe(text));
