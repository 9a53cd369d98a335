/** Covers of pictures in files and of pictures alone, by real ffmpeg in its sandbox. */
import { readFile } from 'node:fs/promises';
import { pino } from 'pino';
import { describe, expect, inject, it } from 'vitest';
import { COVER_SIZES, coverFileName } from '../../src/facts/cover-files.ts';
import { makeCover } from '../../src/facts/make-cover.ts';
import { readPicture } from '../../src/facts/read-picture.ts';
import { openDiskLibrary } from '../../src/library/disk.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import type { Track } from '../../src/tracks/track.ts';
import { audioFile, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { audioWithPicture, coloursOf, drawn, png, sizeOf } from '../support/pictures.ts';
import { sampleDraft } from '../support/sample-track.ts';

const log = pino({ level: 'silent' });
const { signal } = new AbortController();

/** A library with a track of these bytes, and the step. */
async function trackOf(file: Buffer, changes: Partial<Track> = {}) {
  const dataDir = await temporaryFolder();
  const [library, storage] = [await openDiskLibrary(dataDir), await openDiskStorage(dataDir)];
  const arriving = await storage.beginUpload();
  await arriving.write(file);
  const { upload, durable } = await arriving.finish();
  await durable;
  const { track } = await library.add('song', sampleDraft('song', { upload, status: 'ready', ...changes }));
  const context = { library, storage, tools: inject('tools'), log, signal };
  return {
    storage,
    track,
    library,
    make: async () => {
      await makeCover((await library.get(track.filename)) as Track, context);
      const { cover } = (await library.get(track.filename)) as Track;
      if (!cover) return undefined;
      const read = (size: (typeof COVER_SIZES)[number]) =>
        storage.readSidecar(track.home, coverFileName(cover, size)) as Promise<Buffer>;
      return { cover, files: await Promise.all(COVER_SIZES.map(read)) };
    },
  };
}

const read = async (picture: Buffer) => {
  const storage = await openDiskStorage(await temporaryFolder());
  const files = await readPicture(picture, { storage, tools: inject('tools'), signal });
  return [...files.values()];
};

describe('a track gets its cover', () => {
  it.each(['mp3', 'id3v22', 'm4a', 'flac', 'ogg', 'opus', 'aiff', 'wma', 'mka', 'wv'])(
    'from a picture in %s',
    async (format) => {
      const file = await readFile(await audioWithPicture(format, await drawn('transparent.png')));
      const { make } = await trackOf(file);
      const made = await make();
      expect(made?.files.map(sizeOf)).toEqual(Array(3).fill([32, 24]));
      expect(await coloursOf(made?.files[2] as Buffer)).toEqual(['blue', 'white', 'white']);
    },
  );

  it('once: what a client has chosen or deleted stays, as what is there', async () => {
    const file = await readFile(await audioWithPicture('mp3', await drawn('progressive.jpg')));
    const { make, library, track, storage } = await trackOf(file);
    const first = await make();
    expect(await make()).toEqual(first);
    await library.update(track.filename, (now) => ({ ...now, cover: null, edited: ['cover'] }));
    expect(await make()).toBe(undefined);
    expect(await storage.listSidecars(track.home)).toHaveLength(3);
  });

  it('and nothing is left of one that was made while a client chose another', async () => {
    const file = await readFile(await audioWithPicture('mp3', await drawn('progressive.jpg')));
    const { library, track, storage } = await trackOf(file);
    const slow = {
      ...storage,
      async putSidecar(...args: Parameters<typeof storage.putSidecar>) {
        await storage.putSidecar(...args);
        await library.update(track.filename, (now) => ({ ...now, edited: ['cover'] }));
      },
    };
    await makeCover(track, { library, storage: slow, tools: inject('tools'), log, signal });
    expect((await library.get(track.filename))?.cover).toBe(null);
    expect(await storage.listSidecars(track.home)).toEqual([]);
  });
});

describe('a track gets no cover', () => {
  it.each([
    ['from a picture of one byte', async () => audioWithPicture('id3v22', Buffer.from('x'))],
    [
      'from one that is cut off',
      async () => audioWithPicture('wv', (await drawn('progressive.jpg')).subarray(0, 100)),
    ],
    ['from none', async () => audioFile('song.flac', noise({ samples: 4410 }))],
    ['from one of 12,000 x 12,000', async () => audioWithPicture('mp3', png(12_000, 12_000))],
  ])('%s, and stays as it is', async (_what, fileOf) => {
    const { make, library, track } = await trackOf(await readFile(await fileOf()));
    expect(await make()).toBe(undefined);
    expect(await library.get(track.filename)).toEqual(track);
  });

  it('from the video that it was sent with', async () => {
    const file = await audioFile('song.mkv', noise({ samples: 44_100 }), [
      ...['-filter_complex', 'color=c=red:s=32x24:d=1', '-c:v', 'mjpeg'],
    ]);
    expect(await (await trackOf(await readFile(file))).make()).toBe(undefined);
  });
});

describe('a picture becomes a cover', () => {
  it.each([
    ['progressive.jpg', ['blue', 'red', 'red']],
    ['cmyk.jpg', ['blue', 'red', 'red']],
    ['still.webp', ['blue', 'red', 'red']],
    ['transparent.webp', ['blue', 'white', 'white']],
    ['animated.png', ['blue', 'red', 'red']],
  ])('by its content: %s', async (name, colours) => {
    const files = await read(await drawn(name));
    expect(files.map(sizeOf)).toEqual(Array(3).fill([32, 24]));
    expect(await coloursOf(files[0] as Buffer)).toEqual(colours);
  });

  it('upright, without the metadata of its photographer', async () => {
    const photo = await drawn('turned.jpg');
    expect(photo.includes('SECRET PLACE')).toBe(true);
    const [small] = await read(photo);
    expect(sizeOf(small as Buffer)).toEqual([24, 32]);
    expect(await coloursOf(small as Buffer)).toEqual(['red', 'blue', 'red']);
    expect((small as Buffer).includes('SECRET')).toBe(false);
    expect((small as Buffer).includes('Exif')).toBe(false);
  });

  it.each([
    [
      [1, 1],
      [
        [1, 1],
        [1, 1],
        [1, 1],
      ],
    ],
    [
      [200, 150],
      [
        [96, 72],
        [200, 150],
        [200, 150],
      ],
    ],
    [
      [1500, 3000],
      [
        [48, 96],
        [160, 320],
        [500, 1000],
      ],
    ],
    [
      [5000, 1],
      [
        [96, 1],
        [320, 1],
        [1000, 1],
      ],
    ],
  ] as const)('of %j pixels no larger than it is, and of the same shape', async ([width, height], sizes) => {
    expect((await read(png(width, height))).map(sizeOf)).toEqual(sizes);
  });

  it('of more than the 5 MB that ffmpeg looks at by itself', async () => {
    const picture = png(2500, 2500, { isNoise: true });
    expect(picture.length).toBeGreaterThan(5_500_000);
    const sizes = [
      [96, 96],
      [320, 320],
      [1000, 1000],
    ];
    expect((await read(picture)).map(sizeOf)).toEqual(sizes);
  });
});

describe('a picture is refused', () => {
  const refusal = (detail: RegExp) =>
    expect.objectContaining({ code: 'unsupported_media', message: expect.stringMatching(detail) });

  it.each([
    ['that has no bytes of one', async () => Buffer.from('x'), /as JPEG, PNG or WebP/],
    ['of another format', () => drawn('animated.gif'), /as JPEG, PNG or WebP/],
    [
      'that is SVG',
      async () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      /as JPEG, PNG or WebP/,
    ],
    [
      'that is cut off in its header',
      async () => (await drawn('progressive.jpg')).subarray(0, 100),
      /cannot be read/,
    ],
    ['that is an animated WebP', () => drawn('animated.webp'), /an animated WebP is not one/],
    ['of 12,000 x 12,000', () => png(12_000, 12_000), /12000x12000 pixels, and a cover may have 50000000/],
  ])('%s', async (_what, picture, detail) => {
    await expect(read(await picture())).rejects.toEqual(refusal(detail));
  });

  it('by a server whose ffmpeg cannot make covers', async () => {
    const storage = await openDiskStorage(await temporaryFolder());
    const tools = { ...inject('tools'), lackedForCovers: 'the mjpeg encoder' };
    const refused = readPicture(await drawn('still.webp'), { storage, tools, signal });
    await expect(refused).rejects.toEqual(refusal(/ffmpeg lacks the mjpeg encoder/));
  });
});
