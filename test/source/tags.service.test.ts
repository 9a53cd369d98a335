/** Reads the tags and chapters of real files, of every format and of many programs. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { chaptersOf } from '../../src/source/chapters.ts';
import { containerName } from '../../src/source/ffprobe.ts';
import { recognise } from '../../src/source/recognise.ts';
import { tagsOf } from '../../src/source/tags.ts';
import { audioFile, ffmpeg, noise, wav } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import {
  ape,
  chapterFrame,
  commentFrame,
  id3v1,
  id3v2,
  textFrame,
  withRiffInfo,
} from '../support/id3-tags.ts';

const SECONDS = 3;
const sound = noise({ samples: SECONDS * 44_100 });

async function read(file: string) {
  const { headers, stream } = await recognise({
    executables: { ffprobe: 'ffprobe' },
    input: file,
    signal: AbortSignal.timeout(20_000),
    maxDurationSeconds: 3600,
  });
  return {
    tags: tagsOf(headers.format.tags ?? {}, stream.tags ?? {}, containerName(headers.format.format_name)),
    chapters: chaptersOf(headers.chapters, SECONDS),
  };
}

async function readBytes(bytes: Buffer) {
  const file = path.join(await temporaryFolder(), 'a');
  await writeFile(file, bytes);
  return read(file);
}

const bareMp3 = async () =>
  readFile(await audioFile('a.mp3', sound, ['-write_xing', '0', '-id3v2_version', '0']));

const metadata = (tags: Record<string, string>) =>
  Object.entries(tags).flatMap(([name, text]) => ['-metadata', `${name}=${text}`]);

const WRITTEN = {
  title: 'Jóga <b>&amp;',
  artist: 'Björk',
  album: 'Homogenic',
  album_artist: 'Björk Guðmundsdóttir',
  composer: 'Björk',
  genre: 'Electronic',
  date: '1997',
  track: '2/10',
  disc: '1/2',
  comment: 'Ein Kommentar',
};
const BASE = {
  title: 'Jóga <b>&amp;',
  artist: 'Björk',
  album: 'Homogenic',
  genres: ['Electronic'],
  track: 2,
};
const ALL = {
  ...BASE,
  albumArtist: 'Björk Guðmundsdóttir',
  composer: 'Björk',
  date: '1997',
  trackTotal: 10,
  disc: 1,
  discTotal: 2,
  comment: 'Ein Kommentar',
};

describe('tags that ffmpeg has written', () => {
  it.each([
    ['mp3', [], ALL],
    ['mp3', ['-id3v2_version', '3'], ALL],
    ['m4a', [], ALL],
    ['flac', [], ALL],
    ['ogg', ['-c:a', 'libvorbis'], ALL],
    ['opus', [], ALL],
    ['mka', [], ALL],
    ['webm', [], ALL],
    ['wma', [], ALL],
    ['aiff', ['-write_id3v2', '1'], ALL],
    // RIFF has no name for the others.
    ['wav', [], { ...BASE, date: '1997', comment: 'Ein Kommentar', trackTotal: 10 }],
    ['wv', ['-c:a', 'wavpack'], ALL],
  ] as const)('%s %j', async (extension, options, expected) => {
    const file = await audioFile(`a.${extension}`, sound, [...metadata(WRITTEN), ...options]);
    expect((await read(file)).tags).toEqual(expected);
  });

  it('has no tags where the file has none', async () => {
    expect((await readBytes(await bareMp3())).tags).toEqual({});
    expect((await read(await audioFile('a.wav', sound))).tags).toEqual({});
  });

  it('keeps ISRC and language', async () => {
    const file = await audioFile('a.flac', sound, metadata({ ISRC: 'GB-AAP-97-00154', language: 'isl' }));
    expect((await read(file)).tags).toEqual({ isrc: 'GBAAP9700154', language: 'isl' });
  });
});

describe('tags of other programs', () => {
  it.each([
    [
      'ID3v1 at the end',
      (mp3: Buffer) =>
        Buffer.concat([
          mp3,
          id3v1({ title: 'Grüße', artist: 'Artist', album: 'Album', year: '1999', track: 7 }),
        ]),
      { title: 'Grüße', artist: 'Artist', album: 'Album', date: '1999', track: 7, genres: ['Rock'] },
    ],
    [
      'ID3v2.2',
      (mp3: Buffer) =>
        Buffer.concat([
          id3v2(2, [
            ['TT2', textFrame('Grüße')],
            ['TP1', textFrame('Köln')],
            ['TAL', textFrame('Album')],
            ['TRK', textFrame('3/9')],
            ['TYE', textFrame('2001')],
            ['TCO', textFrame('(17)')],
          ]),
          mp3,
        ]),
      {
        title: 'Grüße',
        artist: 'Köln',
        album: 'Album',
        track: 3,
        trackTotal: 9,
        date: '2001',
        genres: ['Rock'],
      },
    ],
    [
      'ID3v2.3 in UTF-16',
      (mp3: Buffer) =>
        Buffer.concat([
          id3v2(3, [
            ['TIT2', textFrame('שלום \u202eעולם', 'utf16le')],
            ['TPE1', textFrame('Музыка', 'utf16le')],
            ['TPE2', textFrame('日本', 'utf16le')],
            ['TSRC', textFrame('USRC17607839')],
            ['TLAN', textFrame('heb')],
            ['COMM', commentFrame('', 'A comment')],
            ['COMM', commentFrame('iTunNORM', '00000CA7 00000CA7')],
          ]),
          mp3,
        ]),
      {
        title: 'שלום עולם',
        artist: 'Музыка',
        albumArtist: '日本',
        isrc: 'USRC17607839',
        language: 'heb',
        comment: 'A comment',
      },
    ],
    [
      'ID3v2.4 in UTF-8',
      (mp3: Buffer) =>
        Buffer.concat([
          id3v2(4, [
            ['TIT2', textFrame('Cafe\u0301', 'utf8')],
            ['TCON', textFrame('Jazz; Soul', 'utf8')],
            ['TDRC', textFrame('2020-05-06', 'utf8')],
            ['TPOS', textFrame('2', 'utf8')],
          ]),
          mp3,
        ]),
      { title: 'Café', genres: ['Jazz', 'Soul'], date: '2020-05-06', disc: 2 },
    ],
  ] as const)('%s', async (_what, tagged, expected) => {
    expect((await readBytes(tagged(await bareMp3()))).tags).toEqual(expected);
  });

  it('reads RIFF INFO behind the audio, in Latin-1, and takes no source for an ISRC', async () => {
    const info = { INAM: 'Grüße', IART: 'Artist', ICRD: '1999', ICMT: 'Comment', ISRC: 'a tape' };
    expect((await readBytes(withRiffInfo(wav(sound), info))).tags).toEqual({
      ...{ title: 'Grüße', artist: 'Artist', date: '1999', comment: 'Comment' },
    });
  });

  it('reads APE tags of WavPack', async () => {
    const bytes = await readFile(await audioFile('a.wv', sound, ['-c:a', 'wavpack']));
    const tagged = Buffer.concat([
      bytes,
      ape({ Title: 'Title', 'Album Artist': 'Both', Year: '1988', Track: '4/5' }),
    ]);
    expect((await readBytes(tagged)).tags).toEqual({
      title: 'Title',
      albumArtist: 'Both',
      date: '1988',
      track: 4,
      trackTotal: 5,
    });
  });
});

describe('hostile tags', () => {
  const titled = async (title: string) =>
    (await readBytes(Buffer.concat([id3v2(4, [['TIT2', textFrame(title, 'utf8')]]), await bareMp3()]))).tags
      .title;

  it('keep markup as text', async () => {
    const markup = '<script>alert(1)</script> & "quoted" \\u0041 {{x}}';
    expect(await titled(markup)).toBe(markup);
  });

  it('lose control characters, and line breaks of a title', async () => {
    expect(await titled('\x1b[31mred\x07\nnext\u202e line')).toBe('[31mred next line');
  });

  it('of a megabyte are cut', async () => {
    expect(await titled('ä'.repeat(500_000))).toBe('ä'.repeat(1000));
  });

  it('of many megabytes count as none, and the file is read all the same', async () => {
    const lines = Array.from({ length: 12 }, (_, n): [string, Buffer] => [
      ['TIT2', 'TPE1', 'TALB', 'TPE2', 'TCOM', 'TCON', 'TDRC', 'TRCK', 'TPOS', 'TSRC', 'TLAN', 'TYER'][
        n
      ] as string,
      textFrame('x'.repeat(900_000), 'utf8'),
    ]);
    expect((await readBytes(Buffer.concat([id3v2(4, lines), await bareMp3()]))).tags).toEqual({});
  });

  it('that are no text are no tags', async () => {
    const invalid = Buffer.from([3, 0xff, 0xfe, 0xfd]);
    const frames: [string, Buffer][] = [
      ['TIT2', invalid],
      ['TRCK', textFrame('many')],
      ['TPOS', textFrame('-1/0')],
      ['TLAN', textFrame('<b>')],
      ['TSRC', textFrame('none')],
    ];
    const { tags } = await readBytes(Buffer.concat([id3v2(4, frames), await bareMp3()]));
    expect(Object.keys(tags).filter((name) => name !== 'title')).toEqual([]);
    expect(tags.title ?? '').not.toMatch(/[\ud800-\udfff]/);
  });
});

describe('chapters', () => {
  const chapterText = [
    ';FFMETADATA1',
    ...[
      [0, 1000, 'Eins & <zwei>'],
      [1000, 2500, 'Zwei'],
    ].map(([start, end, title]) => `[CHAPTER]\nTIMEBASE=1/1000\nSTART=${start}\nEND=${end}\ntitle=${title}`),
  ].join('\n');
  const expected = [
    { startSeconds: 0, endSeconds: 1, title: 'Eins & <zwei>' },
    { startSeconds: 1, endSeconds: 2.5, title: 'Zwei' },
  ];

  it.each(['m4b', 'mp3', 'mka', 'opus'])('of %s', async (extension) => {
    const folder = await temporaryFolder();
    const text = path.join(folder, 'chapters.txt');
    await writeFile(text, chapterText);
    const file = path.join(folder, `a.${extension}`);
    const format = extension === 'm4b' ? ['-f', 'mp4'] : [];
    const source = await audioFile('a.wav', sound);
    await ffmpeg(['-i', source, '-i', text, '-map', '0:a', '-map_chapters', '1', ...format, file]);
    const { chapters } = await read(file);
    expect(chapters.map(({ title }) => title)).toEqual(expected.map(({ title }) => title));
    for (const [at, { startSeconds, endSeconds }] of chapters.entries()) {
      expect(startSeconds).toBeCloseTo(expected[at]?.startSeconds ?? -1, 2);
      // An Ogg tells only where chapters begin.
      expect(endSeconds).toBeCloseTo(
        extension === 'opus' && at === 1 ? SECONDS : (expected[at]?.endSeconds ?? -1),
        2,
      );
    }
  });

  it('of ID3 by hand, out of order', async () => {
    const frames: [string, Buffer][] = [
      ['CHAP', chapterFrame('two', 1500, 9_999_999, 'Zwei')],
      ['CHAP', chapterFrame('one', 0, 1500, 'Eins')],
    ];
    expect((await readBytes(Buffer.concat([id3v2(4, frames), await bareMp3()]))).chapters).toEqual([
      { startSeconds: 0, endSeconds: 1.5, title: 'Eins' },
      { startSeconds: 1.5, endSeconds: SECONDS, title: 'Zwei' },
    ]);
  });

  it('of which there are ten thousand are cut to a thousand', async () => {
    const frames = Array.from({ length: 10_000 }, (_, n): [string, Buffer] => [
      'CHAP',
      chapterFrame(`c${n}`, n, n + 1, `Chapter of a hostile file ${n}`),
    ]);
    const { chapters } = await readBytes(Buffer.concat([id3v2(4, frames), await bareMp3()]));
    expect(chapters.length).toBeLessThanOrEqual(1000);
  });
});
