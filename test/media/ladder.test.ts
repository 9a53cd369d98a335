import { describe, expect, it } from 'vitest';
import {
  type EncodeShape,
  outputChannels,
  outputSampleRate,
  parseLadder,
  renditionKey,
  renditionsFor,
} from '../../src/media/ladder.ts';

const shape: EncodeShape = {
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  sampleRate: 44_100,
  channels: 2,
  segmentFrames: 172,
  ffmpegVersion: '5.1.9-0+deb12u1',
};
const rung = { codec: 'aac', bitRate: 128_000 } as const;

describe('outputSampleRate', () => {
  it.each([7350, 8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])(
    'leaves %i Hz as it is',
    (rate) => {
      expect(outputSampleRate(rate)).toBe(rate);
    },
  );

  it.each([
    [96_000, 48_000],
    [192_000, 48_000],
    [64_000, 48_000],
    [88_200, 44_100],
    [176_400, 44_100],
    [352_800, 44_100],
    [48_001, 48_000],
    [44_056, 44_100],
    [44_101, 48_000],
    [37_800, 44_100],
    [8001, 11_025],
    [6000, 7350],
    [1, 7350],
  ])('makes %i Hz %i', (rate, expected) => {
    expect(outputSampleRate(rate)).toBe(expected);
  });
});

it.each([
  [1, 1],
  [2, 2],
  [3, 2],
  [6, 2],
  [8, 2],
])('mixes %i channels to %i', (channels, expected) => {
  expect(outputChannels(channels)).toBe(expected);
});

describe('parseLadder', () => {
  it.each([
    ['aac@128k', 128_000],
    [' aac@64k ', 64_000],
    ['aac@8k', 8000],
    ['aac@512k', 512_000],
  ])('reads "%s"', (setting, bitRate) => {
    expect(parseLadder(setting)).toEqual([{ codec: 'aac', bitRate }]);
  });

  it.each([
    ...['', ' ', 'aac', '128k', 'aac@', 'aac@k', 'aac@128', 'aac@128000', 'aac@-64k', 'aac@1.5k'],
    ...['aac@7k', 'aac@0k', 'aac@513k', 'aac@1000k', 'AAC@128k', 'mp3@128k', 'aac@128k;rm', 'aac 128k'],
  ])('refuses "%s" and says what is allowed', (setting) => {
    expect(() => parseLadder(setting)).toThrow('such as aac@128k');
  });
});

describe('a rendition', () => {
  it('is named after its codec and bit rate, and keyed', () => {
    expect(renditionsFor([rung], shape)).toEqual([
      {
        id: 'aac-128k',
        codec: 'aac',
        codecs: 'mp4a.40.2',
        bitRate: 128_000,
        bandwidth: 140_800,
        key: renditionKey(rung, shape),
      },
    ]);
  });

  it('has a key of eight hexadecimal digits, equal for equal shapes', () => {
    expect(renditionKey(rung, shape)).toMatch(/^[0-9a-f]{8}$/);
    expect(renditionKey({ ...rung }, { ...shape })).toBe(renditionKey(rung, shape));
  });

  it.each([
    ['the content', { ...shape, sha256: shape.sha256.replace('9', '8') }],
    ['the rate', { ...shape, sampleRate: 48_000 }],
    ['the channels', { ...shape, channels: 1 }],
    ['the segment length', { ...shape, segmentFrames: 188 }],
    ['ffmpeg', { ...shape, ffmpegVersion: '7.1' }],
  ])('has another key with another value of %s', (_what, other) => {
    expect(renditionKey(rung, other)).not.toBe(renditionKey(rung, shape));
  });

  it('has another key at another bit rate', () => {
    expect(renditionKey({ ...rung, bitRate: 64_000 }, shape)).not.toBe(renditionKey(rung, shape));
  });
});
