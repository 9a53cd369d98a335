import { describe, expect, it } from 'vitest';
import { aviPackets } from '../../src/facts/avi-packets.ts';
import { areSamePictures, coverFileName, coverOf, coverOfFile } from '../../src/facts/cover-files.ts';
import { pictureDemuxer } from '../../src/facts/picture-format.ts';
import { isSidecarName } from '../../src/storage/sidecar-name.ts';
import { Cover } from '../../src/tracks/facts.ts';

describe('a picture is recognised', () => {
  it.each([
    ['ffd8ffe000104a464946', 'jpeg_pipe'],
    ['89504e470d0a1a0a0000000d', 'png_pipe'],
    ['524946462a00000057454250', 'webp_pipe'],
    ['524946462a00000057415645', undefined],
    ['474946383961', undefined],
    ['3c73766720', undefined],
    ['ffd8', undefined],
    ['', undefined],
  ])('by its first bytes: %s', (hex, demuxer) => {
    expect(pictureDemuxer(Buffer.from(hex, 'hex'))).toBe(demuxer);
  });
});

describe('packets of an AVI file', () => {
  const chunk = (id: string, bytes: string) => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(bytes.length);
    return Buffer.concat([Buffer.from(id), size, Buffer.from(bytes), Buffer.alloc(bytes.length % 2)]);
  };
  const avi = (...chunks: Buffer[]) => Buffer.concat([Buffer.from('RIFF....AVI LIST....movi'), ...chunks]);
  const texts = (bytes: Buffer) => [...aviPackets(bytes)].map(([stream, packet]) => [stream, String(packet)]);

  it('are found by their stream, also after odd ones and among other chunks', () => {
    const bytes = avi(chunk('00dc', 'one'), chunk('JUNK', 'x'), chunk('02dc', 'four'), chunk('idx1', '00dc'));
    expect(texts(bytes)).toEqual([
      [0, 'one'],
      [2, 'four'],
    ]);
  });

  it('that are cut off are none, as those of other bytes', () => {
    expect(texts(avi(chunk('00dc', 'whole'), chunk('01dc', 'cut off')).subarray(0, -3))).toEqual([
      [0, 'whole'],
    ]);
    expect(texts(avi(Buffer.from('01dc\xff\xff\xff\xff', 'latin1')))).toEqual([]);
    expect(texts(Buffer.from('no AVI'))).toEqual([]);
  });
});

describe('the name of a cover', () => {
  const files = new Map([[96, Buffer.from('small')]] as const);
  const other = new Map([[96, Buffer.from('other')]] as const);

  it('tells its picture and its time, and is one of a sidecar', () => {
    const cover = coverOf(files, { madeAt: 1_764_000_000_000, salt: '0a1b2c3d' });
    expect(Cover.parse(cover)).toEqual(cover);
    const name = coverFileName(cover, 320);
    expect(isSidecarName(name)).toBe(true);
    expect(coverOfFile(name)).toEqual({ cover, madeAt: 1_764_000_000_000 });
    expect(coverOfFile('pauses.json')).toBe(undefined);
  });

  it('differs from change to change, and the picture does not', () => {
    const [first, second] = ['00000000', '00000001'].map((salt) => coverOf(files, { madeAt: 1, salt })) as [
      Cover,
      Cover,
    ];
    expect(first).not.toEqual(second);
    expect(areSamePictures(first, second)).toBe(true);
    expect(areSamePictures(first, coverOf(other))).toBe(false);
    expect([areSamePictures(first, null), areSamePictures(null, null)]).toEqual([false, true]);
  });
});
