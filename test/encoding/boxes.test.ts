import { describe, expect, it } from 'vitest';
import {
  type Box,
  placeFragment,
  readBoxes,
  readFragment,
  TruncatedStreamError,
} from '../../src/encoding/boxes.ts';
import { box, inChunks, type MoofShape, moof, u32 } from '../support/fragments.ts';

async function boxesOf(stream: AsyncIterable<Buffer>): Promise<Box[]> {
  const boxes: Box[] = [];
  for await (const one of readBoxes(stream)) boxes.push(one);
  return boxes;
}

describe('readBoxes', () => {
  const parts = [
    box('ftyp', Buffer.from('iso5')),
    box('free'),
    box('mdat', Buffer.alloc(5000, 7)),
    box('moof'),
  ];
  const stream = Buffer.concat(parts);

  it.each([1, 2, 3, 7, 8, 9, 12, 13, 100, 4999, stream.length - 1, stream.length])(
    'splits a stream that comes in chunks of %i bytes',
    async (chunkBytes) => {
      const boxes = await boxesOf(inChunks(stream, chunkBytes));
      expect(boxes.map(({ type }) => type)).toEqual(['ftyp', 'free', 'mdat', 'moof']);
      expect(boxes.map(({ bytes }) => bytes)).toEqual(parts);
    },
  );

  it('passes over empty chunks', async () => {
    async function* withEmptyChunks() {
      yield Buffer.alloc(0);
      for await (const chunk of inChunks(stream, 5)) yield* [chunk, Buffer.alloc(0)];
    }
    expect((await boxesOf(withEmptyChunks())).map(({ bytes }) => bytes)).toEqual(parts);
  });

  it('hands out a box before it asks for more of the stream', async () => {
    async function* endless() {
      yield box('ftyp');
      throw new Error('asked for more');
    }
    const reading = readBoxes(endless());
    expect((await reading.next()).value).toMatchObject({ type: 'ftyp' });
    await expect(reading.next()).rejects.toThrow('asked for more');
  });

  it('keeps no more of a chunk than the box', async () => {
    const chunk = Buffer.concat([box('mdat', Buffer.alloc(100)), Buffer.alloc(0)]);
    const [only] = await boxesOf(inChunks(chunk));
    chunk.fill(255);
    expect(only?.bytes).toEqual(box('mdat', Buffer.alloc(100)));
  });

  it('gives nothing for nothing', async () => {
    expect(await boxesOf(inChunks(Buffer.alloc(0)))).toEqual([]);
  });

  it.each([1, 7, 8, 9, 11])('throws when the stream ends after %i bytes of a box', async (bytes) => {
    const cut = Buffer.concat([box('free'), box('ftyp', Buffer.from('iso5')).subarray(0, bytes)]);
    await expect(boxesOf(inChunks(cut, 4))).rejects.toThrow(TruncatedStreamError);
  });

  it.each([0, 1, 7, 64 * 1024 * 1024 + 1, 2 ** 32 - 1])('throws at a box of %i bytes', async (size) => {
    const nonsense = Buffer.concat([box('free'), u32(size), Buffer.from('moof'), Buffer.alloc(100)]);
    await expect(boxesOf(inChunks(nonsense))).rejects.toThrow(`a box of ${size} bytes`);
  });
});

/** What ffmpeg writes, and what else the standard allows. */
const shapes: [string, Partial<MoofShape>][] = [
  ['a default duration', { tfhd: { defaultDuration: 1024 } }],
  ['a time of version 0', { tfdtVersion: 0, tfhd: { defaultDuration: 1024 } }],
  [
    'all that a header may hold',
    {
      tfhd: {
        baseDataOffset: 77,
        descriptionIndex: 1,
        defaultDuration: 1024,
        defaultSize: 300,
        defaultFlags: 5,
      },
    },
  ],
  ['a data offset before its default duration', { tfhd: { baseDataOffset: 77, defaultDuration: 1024 } }],
  ['a description before its default duration', { tfhd: { descriptionIndex: 9, defaultDuration: 1024 } }],
  ['sizes per frame', { tfhd: { defaultDuration: 1024 }, trun: { dataOffset: 99, sizes: [1, 2, 3] } }],
  ['durations per frame', { trun: { durations: [1024, 1024, 1024] } }],
  [
    'durations among all that a frame may hold',
    {
      tfhd: { defaultDuration: 5 },
      trun: {
        dataOffset: 88,
        firstSampleFlags: 2,
        durations: [1024, 1024, 1024],
        sizes: [300, 301, 302],
        flags: [1, 2, 3],
        compositionOffsets: [4, 5, 6],
      },
    },
  ],
];

describe('a movie fragment', () => {
  it.each(shapes)('is read that has %s', (_what, shape) => {
    const bytes = moof({ sequenceNumber: 12, decodeTime: 176_128, frames: 3, ...shape });
    expect(readFragment(bytes)).toEqual({
      sequenceNumber: 12,
      decodeTime: 176_128,
      frames: 3,
      duration: 3072,
    });
  });

  it.each(shapes)('is moved that has %s, and nothing else of it changes', (_what, shape) => {
    const bytes = moof({ sequenceNumber: 1, decodeTime: 0, frames: 3, ...shape });
    placeFragment(bytes, { decodeTime: 3_000_000_000, sequenceNumber: 4_000_000_000 });
    expect(bytes).toEqual(
      moof({ sequenceNumber: 4_000_000_000, decodeTime: 3_000_000_000, frames: 3, ...shape }),
    );
  });

  it('adds up durations that differ', () => {
    const bytes = moof({
      sequenceNumber: 1,
      decodeTime: 0,
      frames: 3,
      trun: { durations: [1024, 1024, 77] },
    });
    expect(readFragment(bytes)).toMatchObject({ frames: 3, duration: 2125 });
  });

  it('is read and moved beyond 32 bits of time', () => {
    const decodeTime = 2 ** 40 + 3;
    const bytes = moof({ sequenceNumber: 1, decodeTime, frames: 1 });
    expect(readFragment(bytes).decodeTime).toBe(decodeTime);
    placeFragment(bytes, { decodeTime: decodeTime + 1024, sequenceNumber: 1 });
    expect(readFragment(bytes).decodeTime).toBe(decodeTime + 1024);
  });

  it('is found among boxes that nobody asked for', () => {
    const plain = moof({ sequenceNumber: 5, decodeTime: 1024, frames: 2, tfhd: { defaultDuration: 1024 } });
    const children = plain.subarray(8);
    const mfhdBytes = children.readUInt32BE(0);
    const traf = children.subarray(mfhdBytes);
    const among = box(
      'moof',
      box('free', Buffer.alloc(3)),
      children.subarray(0, mfhdBytes),
      box('pssh'),
      box('traf', box('uuid', Buffer.alloc(16)), traf.subarray(8)),
    );
    expect(readFragment(among)).toEqual(readFragment(plain));
  });

  it.each(['mfhd', 'traf', 'tfhd', 'tfdt', 'trun'])('is refused without its "%s"', (type) => {
    const bytes = moof({ sequenceNumber: 1, decodeTime: 0, frames: 1 });
    bytes.write('free', bytes.indexOf(type), 'latin1');
    expect(() => readFragment(bytes)).toThrow(`without a "${type}" box`);
    expect(() => placeFragment(bytes, { decodeTime: 1, sequenceNumber: 1 })).toThrow(`"${type}"`);
  });

  it.each([0, 7, 2 ** 31])('is refused when a box in it has %i bytes', (size) => {
    const bytes = moof({ sequenceNumber: 1, decodeTime: 0, frames: 1 });
    bytes.writeUInt32BE(size, 8);
    expect(() => readFragment(bytes)).toThrow('without a');
  });
});
