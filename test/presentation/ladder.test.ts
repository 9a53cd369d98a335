import { describe, expect, it } from 'vitest';
import {
  type EncodeShape,
  encodeHash,
  type LadderEntry,
  ladderFor,
  mainRendition,
  outputChannels,
  outputSampleRate,
  parseLadder,
  renditionsOf,
} from '../../src/presentation/ladder.ts';

const shape: EncodeShape = {
  uploadId: '00000000-0000-4000-8000-000000000000.upload',
  sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  sampleRate: 44_100,
  channels: 2,
  segmentFrames: 172,
  ffmpegVersion: '5.1.9-0+deb12u1',
};
const entry = { codec: 'aac', bitRate: 128_000 } as const;

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
  ])('raises or divides %i Hz to %i', (rate, expected) => {
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

const entries = (...kilobits: number[]): LadderEntry[] =>
  kilobits.map((kilobit) => ({ codec: 'aac', bitRate: kilobit * 1000 }));

describe('parseLadder', () => {
  it.each([
    ['aac@128k', [128]],
    [' aac@64k ', [64]],
    ['aac@8k', [8]],
    ['aac@512k', [512]],
    ['aac@64k,aac@128k,aac@256k', [64, 128, 256]],
    ['aac@256k , aac@64k', [64, 256]],
  ])('reads "%s"', (setting, kilobits) => {
    expect(parseLadder(setting)).toEqual(entries(...kilobits));
  });

  it.each([
    ...['', ' ', 'aac', '128k', 'aac@', 'aac@k', 'aac@128', 'aac@128000', 'aac@-64k', 'aac@1.5k'],
    ...['aac@7k', 'aac@0k', 'aac@513k', 'aac@1000k', 'AAC@128k', 'mp3@128k', 'aac@128k;rm', 'aac 128k'],
    ...[
      'aac@64k,',
      ',aac@64k',
      'aac@64k,,aac@128k',
      'aac@64k aac@128k',
      'aac@64k,aac@64k',
      'aac@64k,aac@064k',
    ],
  ])('refuses "%s" and says what is allowed', (setting) => {
    expect(() => parseLadder(setting)).toThrow('such as aac@64k,aac@128k');
  });
});

it.each([
  [[64, 128, 256], 128],
  [[64, 256], 64],
  [[96, 160], 96],
  [[192, 320], 192],
  [[32], 32],
])('of %j kbit/s the main rendition is %i', (kilobits, main) => {
  expect(mainRendition(entries(...kilobits)).bitRate).toBe(main * 1000);
});

describe('the ladder of one source', () => {
  const cd = { sampleRate: 44_100, channels: 2 };
  it.each<[string, number, string, typeof cd, number[]]>([
    ['is whole for a lossless source', 900, 'flac', cd, [64, 128, 256]],
    ['is whole for a lossless source of a low bit rate', 90, 'flac', cd, [64, 128, 256]],
    ['is whole for PCM', 1411, 'pcm_s16le', cd, [64, 128, 256]],
    ['is whole for PCM of floating point', 2822, 'pcm_f32le', cd, [64, 128, 256]],
    ['is whole for ALAC', 700, 'alac', cd, [64, 128, 256]],
    ['is whole for MP3 of 320k', 320, 'mp3', cd, [64, 128, 256]],
    ['includes the own bit rate of the source', 256, 'mp3', cd, [64, 128, 256]],
    ['skips bit rates above that of a lossy source', 255.9, 'mp3', cd, [64, 128]],
    ['ends at 128k for MP3 of 128k', 128, 'mp3', cd, [64, 128]],
    ['includes 128k although the source has less', 96, 'aac', cd, [64, 128]],
    ['is 128k alone if the source has less than every entry', 32, 'opus', cd, [128]],
    ['is whole for mono at 44.1 kHz', 700, 'pcm_s16le', { sampleRate: 44_100, channels: 1 }, [64, 128, 256]],
    ['skips more than 6 bits a sample', 352, 'pcm_s16le', { sampleRate: 22_050, channels: 1 }, [64, 128]],
    [
      'skips more than 6 bits a sample and channel',
      352,
      'pcm_s16le',
      { sampleRate: 16_000, channels: 2 },
      [64, 128],
    ],
    ['is 64k alone for mono at 11.025 kHz', 176, 'pcm_s16le', { sampleRate: 11_025, channels: 1 }, [64]],
    [
      'is the lowest entry if AAC can fill none, as for mono at 8 kHz',
      128,
      'pcm_s16le',
      { sampleRate: 8000, channels: 1 },
      [64],
    ],
    [
      'is the lowest entry if AAC can fill none of a lossy source',
      16,
      'mp3',
      { sampleRate: 8000, channels: 1 },
      [64],
    ],
    [
      'is 128k alone if AAC cannot fill 256k and the source is poor',
      24,
      'mp3',
      { sampleRate: 16_000, channels: 2 },
      [128],
    ],
  ])('%s', (_case, kilobits, codec, encode, expected) => {
    const ladder = entries(64, 128, 256);
    expect(ladderFor(ladder, { codec, bitRate: kilobits * 1000 }, encode)).toEqual(entries(...expected));
  });

  it('includes the entry nearest to 128k if the ladder lacks 128k', () => {
    expect(ladderFor(entries(96, 192), { codec: 'mp3', bitRate: 64_000 }, cd)).toEqual(entries(96));
  });
});

describe('a rendition', () => {
  it('is named after its codec and bit rate, and has an encode hash', () => {
    expect(renditionsOf([entry], shape)).toEqual([
      {
        id: 'aac-128k',
        codec: 'aac',
        codecs: 'mp4a.40.2',
        bitRate: 128_000,
        bandwidth: 140_800,
        averageBandwidth: null,
        key: encodeHash(entry, shape),
      },
    ]);
  });

  it('has an encode hash of eight hexadecimal digits, equal for equal shapes', () => {
    expect(encodeHash(entry, shape)).toMatch(/^[0-9a-f]{8}$/);
    expect(encodeHash({ ...entry }, { ...shape })).toBe(encodeHash(entry, shape));
  });

  it.each([
    ['the upload', { ...shape, uploadId: '00000000-0000-4000-8000-000000000001.upload' }],
    ['the content', { ...shape, sha256: shape.sha256.replace('9', '8') }],
    ['the sample rate', { ...shape, sampleRate: 48_000 }],
    ['the channel count', { ...shape, channels: 1 }],
    ['the segment length', { ...shape, segmentFrames: 188 }],
    ['the ffmpeg version', { ...shape, ffmpegVersion: '7.1' }],
  ])('has another encode hash if %s changes', (_what, other) => {
    expect(encodeHash(entry, other)).not.toBe(encodeHash(entry, shape));
  });

  it('keeps its encode hash if its record is older than the names of uploads', () => {
    expect(encodeHash(entry, { ...shape, uploadId: null })).toBe('a1e5ef35');
  });

  it('has another encode hash at another bit rate', () => {
    expect(encodeHash({ ...entry, bitRate: 64_000 }, shape)).not.toBe(encodeHash(entry, shape));
  });
});
