/** The chapters of a track, as each kind of player reads them. */
import { expect, it } from 'vitest';
import {
  renderAppleChapters,
  renderJsonChapters,
  renderVttChapters,
} from '../../src/presentation/chapters.ts';
import { sampleTrack } from '../support/sample-track.ts';

const track = sampleTrack({
  originalName: 'book.mp3',
  tags: { artist: 'Anna', language: 'deu' },
  chapters: [
    { startSeconds: 0, endSeconds: 61.0005, title: 'A & B --> <i>C</i>' },
    { startSeconds: 61.0005, endSeconds: 36_610.25, title: 'Ende' },
  ],
});

it('renders JSON chapters of Podcasting 2.0', () => {
  expect(JSON.parse(renderJsonChapters(track))).toEqual({
    version: '1.2.0',
    title: 'book.mp3',
    author: 'Anna',
    chapters: [
      { startTime: 0, endTime: 61.0005, title: 'A & B --> <i>C</i>' },
      { startTime: 61.0005, endTime: 36_610.25, title: 'Ende' },
    ],
  });
});

it('renders WebVTT, in which text is never markup or a time', () => {
  expect(renderVttChapters(track)).toBe(`WEBVTT

1
00:00:00.000 --> 00:01:01.001
A &amp; B --&gt; &lt;i&gt;C&lt;/i&gt;

2
00:01:01.001 --> 10:10:10.250
Ende
`);
});

it("renders chapters for Apple's players", () => {
  expect(JSON.parse(renderAppleChapters(track))).toEqual([
    {
      chapter: 1,
      'start-time': 0,
      duration: 61.001,
      titles: [{ language: 'deu', title: 'A & B --> <i>C</i>' }],
    },
    { chapter: 2, 'start-time': 61.0005, duration: 36_549.25, titles: [{ language: 'deu', title: 'Ende' }] },
  ]);
});

it('renders titles that clients have set to several lines or to nothing as one line', () => {
  const edited = sampleTrack({
    tags: { language: 'my own' },
    chapters: [
      { startSeconds: 0, endSeconds: 1, title: ' one\r\n\r\n2\n00:00:00.000 --> 00:09:00.000\ttwo\n' },
      { startSeconds: 1, endSeconds: 2, title: '' },
    ],
  });
  expect(renderVttChapters(edited)).toBe(`WEBVTT

1
00:00:00.000 --> 00:00:01.000
one 2 00:00:00.000 --&gt; 00:09:00.000 two

2
00:00:01.000 --> 00:00:02.000
Chapter 2
`);
  expect(JSON.parse(renderJsonChapters(edited)).chapters[1].title).toBe('Chapter 2');
  expect(JSON.parse(renderAppleChapters(edited))[1].titles).toEqual([
    { language: 'und', title: 'Chapter 2' },
  ]);
});

it('renders none where there are none', () => {
  const bare = sampleTrack({ tags: { title: 'Titel' } });
  expect(JSON.parse(renderJsonChapters(bare))).toEqual({ version: '1.2.0', title: 'Titel', chapters: [] });
  expect(renderVttChapters(bare)).toBe('WEBVTT\n');
  expect(JSON.parse(renderAppleChapters(bare))).toEqual([]);
});
