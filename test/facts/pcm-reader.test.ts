/** Audio in pieces that are cut anywhere. */
import { describe, expect, it } from 'vitest';
import { createPcmReader } from '../../src/facts/pcm-reader.ts';
import { samplesPerPixel } from '../../src/facts/waveform.ts';
import { noise } from '../support/noise.ts';

const HEADER_BYTES = 24;
const sampleRate = 8000;

function read(
  pcm: Int16Array,
  { channels, samples, piece }: { channels: 1 | 2; samples: number; piece: number },
) {
  const coarse: number[] = [];
  const reader = createPcmReader({ sampleRate, channels, samples }, (low, high) => coarse.push(low, high));
  const bytes = Buffer.from(pcm.buffer);
  for (let at = 0; at < bytes.length; at += piece) reader.read(bytes.subarray(at, at + piece));
  return { ...reader.end(), coarse };
}

describe('audio in pieces', () => {
  it.each([1, 2] as const)('of any size gives the same, of %i channels', (channels) => {
    const samples = 2 * sampleRate + 123;
    const { pcm } = noise({ samples, channels, sampleRate });
    pcm.fill(0, 4000 * channels, 9000 * channels);
    const whole = read(pcm, { channels, samples, piece: pcm.byteLength });
    expect(whole.pauses).toEqual([[0.5, 1.125]]);
    expect(whole.waveforms.get(100)?.length).toBe(HEADER_BYTES + 2 * Math.ceil(samples / 80));
    expect(whole.coarse.length).toBe(2 * Math.ceil(samples / 1600));
    for (const piece of [3, 1001, 65_536]) expect(read(pcm, { channels, samples, piece })).toEqual(whole);
  });

  it('that go on after the end of the track are cut', () => {
    const { pcm } = noise({ samples: 3 * sampleRate, sampleRate });
    const cut = read(pcm, { channels: 1, samples: sampleRate, piece: 4096 });
    expect(cut).toEqual(read(pcm.slice(0, sampleRate), { channels: 1, samples: sampleRate, piece: 4096 }));
  });

  it('that end early make a shorter waveform', () => {
    const { waveforms, pauses } = read(new Int16Array(sampleRate), {
      channels: 1,
      samples: 5 * sampleRate,
      piece: 4096,
    });
    expect(waveforms.get(20)?.readInt32LE(16)).toBe(20);
    expect(pauses).toEqual([[0, 1]]);
  });
});

it.each([
  [44_100, [441, 2205, 8820]],
  [48_000, [480, 2400, 9600]],
  [22_050, [220, 1100, 4400]],
  [11_025, [110, 550, 2200]],
])('a pixel at %i Hz has whole samples', (rate, expected) => {
  expect(([100, 20, 5] as const).map((each) => samplesPerPixel(rate, each))).toEqual(expected);
});
