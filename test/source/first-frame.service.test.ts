/** Finds the first audio frame in files that begin with other bytes. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { findFirstFrame, MAX_GARBAGE_BYTES } from '../../src/source/first-frame.ts';
import { isFlacFrameHeader } from '../../src/source/flac-frame.ts';
import { audioFile, noise } from '../support/audio.ts';
import { flacParts } from '../support/flac.ts';
import { playlists } from '../support/hostile.ts';

const find = (bytes: Buffer, isWhole = true) => findFirstFrame({ bytes, isWhole });
/** Makes bytes without 0xff, which begins every frame. */
const garbage = (length: number) => Buffer.from(Array.from({ length }, (_, n) => (n * 7919) % 251));

const frame = (header: string, length: number) => {
  const bytes = Buffer.alloc(length, 0x11);
  Buffer.from(header, 'hex').copy(bytes);
  return bytes;
};
/** A frame of each kind, with its demuxer. */
const KINDS: [name: string, demuxer: string, frame: Buffer][] = [
  ['MPEG-1 layer III, 128 kbit/s, 44.1 kHz', 'mp3', frame('fffb9000', 417)],
  ['MPEG-1 layer II, 192 kbit/s, 48 kHz', 'mp3', frame('fffda400', 576)],
  ['MPEG-1 layer I, 192 kbit/s, 32 kHz', 'mp3', frame('ffff6800', 288)],
  ['MPEG-2 layer III, 64 kbit/s, 22.05 kHz', 'mp3', frame('fff38000', 208)],
  ['MPEG-2.5 layer III, 16 kbit/s, 8 kHz', 'mp3', frame('ffe32800', 144)],
  // 13 bits of length: 300.
  ['ADTS, 44.1 kHz, stereo', 'aac', frame('fff15080259ffc', 300)],
  ['ADTS of MPEG-2 with a checksum', 'aac', frame('fff85080259ffc', 300)],
];

describe('the first frame', () => {
  it.each(KINDS)('of %s is found after up to 256 KiB of garbage', (_, demuxer, bytes) => {
    const frames = Buffer.concat([bytes, bytes, bytes]);
    for (const startByte of [0, 1, 1000, MAX_GARBAGE_BYTES]) {
      expect(find(Buffer.concat([garbage(startByte), frames]))).toEqual({ demuxer, startByte });
    }
    expect(find(Buffer.concat([garbage(MAX_GARBAGE_BYTES + 1), frames]))).toBeUndefined();
  });

  it.each(KINDS)('of %s is the first of three, or of two that end the file', (_, demuxer, bytes) => {
    const two = Buffer.concat([garbage(100), bytes, bytes]);
    expect(find(two)).toEqual({ demuxer, startByte: 100 });
    expect(find(two, false)).toBeUndefined();
    expect(find(Buffer.concat([two, garbage(500)]))).toBeUndefined();
    const id3v1 = Buffer.alloc(128);
    id3v1.write('TAG');
    expect(find(Buffer.concat([two, id3v1]))).toEqual({ demuxer, startByte: 100 });
    expect(find(Buffer.concat([garbage(100), bytes]))).toBeUndefined();
  });

  it('must be followed by frames of the same kind', () => {
    const [one, other] = [frame('fffb9000', 417), frame('fffb9400', 384)];
    expect(find(Buffer.concat([one, other, one, other]))).toBeUndefined();
  });

  it('is the frame after a header that counts frames', () => {
    const [header, one] = [frame('fffb9000', 417), frame('fffb9000', 417)];
    header.write('Info', 36);
    const found = find(Buffer.concat([garbage(50), header, one, one]));
    expect(found).toEqual({ demuxer: 'mp3', startByte: 50 + 417 });
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['a byte', Buffer.from([0xff])],
    ['zeros', Buffer.alloc(600_000)],
    ['ones', Buffer.alloc(600_000, 0xff)],
    ['noise', Buffer.from(noise({ samples: 300_000, seed: 5 }).pcm.buffer)],
    ...Object.entries(playlists('http://127.0.0.1/x.mp3')).map(([name, text]) => [name, Buffer.from(text)]),
  ] as [string, Buffer][])('is not in %s', (_, bytes) => {
    expect(find(bytes)).toBeUndefined();
  });
});

describe('the first frame of a FLAC', () => {
  let parts: ReturnType<typeof flacParts>;
  beforeAll(async () => {
    const file = await audioFile('a.flac', noise({ samples: 40_000 }));
    parts = flacParts(await readFile(file));
  });

  it('is found by its checksums if there is no file header', () => {
    const { frames } = parts;
    expect(frames.length).toBeGreaterThan(5);
    for (const before of [0, 7, 100_000]) {
      const bytes = Buffer.concat([garbage(before), ...frames]);
      expect(find(bytes)).toEqual({ demuxer: 'flac', startByte: before });
    }
  });

  it('is neither a damaged frame nor a lone header', () => {
    const damaged = Buffer.from(parts.frames[0] as Buffer);
    damaged[200] = (damaged[200] ?? 0) ^ 1;
    const found = find(Buffer.concat([damaged, ...parts.frames.slice(1)]));
    expect(found).toEqual({ demuxer: 'flac', startByte: damaged.length });
    expect(find(parts.frames[0] as Buffer)).toBeUndefined();
  });

  it('is opened at the file header, or after it if that is broken', () => {
    const whole = Buffer.concat([parts.header, ...parts.frames]);
    expect(find(Buffer.concat([garbage(33), whole]))).toEqual({ demuxer: 'flac', startByte: 33 });
    const broken = Buffer.from(whole);
    broken[7] = 33;
    expect(find(broken)).toEqual({ demuxer: 'flac', startByte: parts.header.length });
  });

  it('is given up in bounded time in a file of nothing but frame headers', () => {
    const header = (parts.frames[0] as Buffer).subarray(0, 6);
    expect(isFlacFrameHeader(header, 0)).toBe(true);
    const bytes = Buffer.concat(Array.from({ length: 60_000 }, () => header));
    const started = performance.now();
    expect(find(bytes)).toBeUndefined();
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
