/** The analysis of a recording, against signals whose loudness, waveform and pauses are known. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import WaveformData from 'waveform-data';
import { type Measured, measure } from '../../src/facts/measure.ts';
import { PIXELS_PER_SECOND, waveformJson } from '../../src/facts/waveform.ts';
import { gapFillingFilter } from '../../src/ffmpeg/filters.ts';
import { audioFile, decode, ffmpeg, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';

const run = promisify(execFile);

const analyse = (input: string, format: { sampleRate: number; channels: 1 | 2; samples: number }) =>
  measure({
    format,
    executable: 'ffmpeg',
    input,
    inputOptions: [],
    streamIndex: 0,
    timeline: gapFillingFilter(format.sampleRate),
    signal: new AbortController().signal,
  });

const decibels = (level: number) => 10 ** (level / 20);

/** Makes a file of ffmpeg's expressions, one for each channel, and measures it. */
async function analyseSignal(
  channels: readonly string[],
  options: { seconds: number; layout?: string; sampleRate?: number; codec?: string },
): Promise<Measured & { file: string }> {
  const { seconds, layout = 'stereo', sampleRate = 48_000, codec = 'pcm_s24le' } = options;
  const file = path.join(await temporaryFolder(), codec.startsWith('pcm') ? 'signal.wav' : 'signal.flac');
  const source = `aevalsrc=exprs=${channels.join('|')}:s=${sampleRate}:c=${layout}:d=${seconds}`;
  await ffmpeg(['-f', 'lavfi', '-i', source, '-c:a', codec, file]);
  const measured = await analyse(file, {
    sampleRate,
    channels: channels.length === 1 ? 1 : 2,
    samples: Math.round(seconds * sampleRate),
  });
  return { ...measured, file };
}

/** A sine of 1 kHz whose level in dBFS changes at times in seconds. */
function sine(...spans: { level: number; until: number }[]): string {
  const level = spans.reduceRight(
    (rest, { level: decibel, until }) =>
      `if(lt(t\\,${until})\\,${decibels(decibel)}\\,${rest === '' ? decibels(decibel) : rest})`,
    '',
  );
  return `(${level})*sin(2*PI*1000*t)`;
}

describe('loudness', () => {
  const both = (...spans: { level: number; until: number }[]) => [sine(...spans), sine(...spans)];

  // EBU Tech 3341, minimum requirements test signals.
  it.each([
    { name: 'case 1', channels: both({ level: -23, until: 20 }), seconds: 20, lufs: -23 },
    { name: 'case 2', channels: both({ level: -33, until: 20 }), seconds: 20, lufs: -33 },
    {
      name: 'case 3',
      channels: both({ level: -36, until: 10 }, { level: -23, until: 70 }, { level: -36, until: 80 }),
      seconds: 80,
      lufs: -23,
    },
    {
      name: 'case 4',
      channels: both(
        { level: -72, until: 10 },
        { level: -36, until: 20 },
        { level: -23, until: 80 },
        { level: -36, until: 90 },
        { level: -72, until: 100 },
      ),
      seconds: 100,
      lufs: -23,
    },
    {
      name: 'case 5',
      channels: both({ level: -26, until: 20 }, { level: -20, until: 40.1 }, { level: -26, until: 60.1 }),
      seconds: 60.1,
      lufs: -23,
    },
    {
      name: 'case 6',
      channels: [-28, -28, -24, -30, -30].map((level) => sine({ level, until: 20 })),
      layout: '5.0',
      seconds: 20,
      lufs: -23,
    },
  ])('of EBU Tech 3341 $name is right', async ({ channels, layout, seconds, lufs }) => {
    const { loudness } = await analyseSignal(channels, { seconds, ...(layout && { layout }) });
    expect(Math.abs((loudness?.integratedLufs ?? 0) - lufs)).toBeLessThanOrEqual(0.1);
  });

  it('of mono is that of two loudspeakers', async () => {
    const { loudness } = await analyseSignal([sine({ level: -23, until: 20 })], {
      seconds: 20,
      layout: 'mono',
    });
    expect(loudness?.integratedLufs).toBeCloseTo(-23, 1);
  });

  it('of music equals the summary of ffmpeg', async () => {
    const { sampleRate, samples } = { sampleRate: 44_100, samples: 20 * 44_100 };
    const file = await audioFile('loud.mp3', noise({ samples, channels: 2 }), ['-b:a', '96k']);
    const { loudness } = await analyse(file, { sampleRate, channels: 2, samples });
    const { stderr } = await run('ffmpeg', [
      ...['-nostdin', '-hide_banner', '-nostats', '-i', file],
      ...['-af', 'ebur128=peak=true:framelog=verbose', '-f', 'null', '-'],
    ]);
    const said = (name: string) =>
      Number(new RegExp(`^ +${name}: +(\\S+)`, 'm').exec(stderr.slice(stderr.lastIndexOf('Summary')))?.[1]);
    expect(Math.abs((loudness?.integratedLufs ?? 0) - said('I'))).toBeLessThanOrEqual(0.1);
    expect(Math.abs((loudness?.truePeakDbtp ?? 0) - said('Peak'))).toBeLessThanOrEqual(0.1);
    expect(Math.abs((loudness?.rangeLu ?? 0) - said('LRA'))).toBeLessThanOrEqual(0.1);
  });

  it('has a true peak between samples', async () => {
    // Near a quarter of the sample rate samples reach the peak now and then only.
    const { loudness } = await analyseSignal(
      Array.from({ length: 2 }, () => `${decibels(-6)}*sin(2*PI*11999*t)`),
      { seconds: 5 },
    );
    expect(loudness?.truePeakDbtp).toBeGreaterThan(-6.6);
    expect(loudness?.truePeakDbtp).toBeLessThanOrEqual(-5.4);
  });

  it('of silence is none', async () => {
    const { loudness, pauses } = await analyseSignal(['0', '0'], { seconds: 2 });
    expect(loudness).toEqual({ integratedLufs: null, truePeakDbtp: null, rangeLu: 0 });
    expect(pauses).toEqual([[0, 2]]);
  });
});

describe('a waveform', () => {
  it.each([
    { sampleRate: 44_100, channels: 2 as const },
    { sampleRate: 48_000, channels: 1 as const },
    { sampleRate: 22_050, channels: 2 as const },
  ])('at $sampleRate Hz of $channels channels has the extremes of its samples', async (format) => {
    const { sampleRate, channels } = format;
    const samples = 3 * sampleRate + 777;
    const file = await audioFile('audio.mp3', noise({ samples, sampleRate, channels }));
    const pcm = await decode(file);
    const { waveforms } = await analyse(file, { ...format, samples });
    for (const rate of PIXELS_PER_SECOND) {
      const perPixel = Math.floor(sampleRate / 100) * (100 / rate);
      const bytes = waveforms.get(rate) as Buffer;
      const fromJson = WaveformData.create(JSON.parse([...waveformJson(bytes)].join('')));
      const fromBytes = WaveformData.create(new Uint8Array(bytes).buffer);
      const expected = extremes(pcm, { channels, samples, perPixel });
      for (const waveform of [fromJson, fromBytes]) {
        expect(waveform).toMatchObject({ sample_rate: sampleRate, scale: perPixel, bits: 8, channels: 1 });
        expect(waveform.length).toBe(expected.length);
        expect(waveform.channel(0).min_array()).toEqual(expected.map(([low]) => low));
        expect(waveform.channel(0).max_array()).toEqual(expected.map(([, high]) => high));
      }
    }
  });

  it('grows while the audio is decoded', async () => {
    const samples = 30 * 44_100;
    const file = await audioFile('audio.wav', noise({ samples }));
    const coarse: [number, number][] = [];
    const { waveforms } = await measure({
      format: { sampleRate: 44_100, channels: 2, samples },
      ...{ executable: 'ffmpeg', input: file, inputOptions: [], streamIndex: 0, timeline: 'anull' },
      signal: new AbortController().signal,
      onCoarse: (low, high) => coarse.push([Math.trunc(low / 256), Math.trunc(high / 256)]),
    });
    const whole = WaveformData.create(new Uint8Array(waveforms.get(5) as Buffer).buffer).channel(0);
    expect(coarse).toEqual(whole.min_array().map((low, at) => [low, whole.max_array()[at]]));
  });
});

describe('pauses', () => {
  it('are spans without a loud sample in any channel', async () => {
    const quiet = (from: number, to: number) =>
      `if(between(t\\,${from}\\,${to})\\,0.003\\,0.5)*sin(2*PI*997*t)`;
    const { pauses } = await analyseSignal([quiet(1, 2), quiet(1.25, 3)], { seconds: 4, codec: 'flac' });
    expect(pauses).toHaveLength(1);
    expect(pauses[0]?.[0]).toBeCloseTo(1.25, 2);
    expect(pauses[0]?.[1]).toBeCloseTo(2, 2);
  });

  it('are not what cancels out in mono, and not what is short or louder than -50 dBFS', async () => {
    const tone = (level: string) => `${level}*sin(2*PI*997*t)`;
    const opposite = await analyseSignal([tone('0.5'), tone('-0.5')], { seconds: 2 });
    const short = await analyseSignal(Array(2).fill(tone('lt(mod(t\\,1)\\,0.55)*0.5')), { seconds: 2 });
    const above = await analyseSignal(Array(2).fill(tone(`${decibels(-49.8)}`)), { seconds: 2 });
    const below = await analyseSignal(Array(2).fill(tone(`${decibels(-50.2)}`)), { seconds: 2 });
    expect([opposite, short, above, below].map(({ pauses }) => pauses)).toEqual([[], [], [], [[0, 2]]]);
  });
});

/** The extremes of each pixel, in the plainest way. */
function extremes(
  pcm: Int16Array,
  { channels, samples, perPixel }: { channels: 1 | 2; samples: number; perPixel: number },
): [number, number][] {
  const mono = Array.from({ length: Math.min(samples, pcm.length / channels) }, (_, at) => {
    const sum = pcm.subarray(at * channels, (at + 1) * channels).reduce((one, other) => one + other, 0);
    return Math.trunc(sum / channels);
  });
  const pixels: [number, number][] = [];
  for (let at = 0; at < mono.length; at += perPixel) {
    const part = mono.slice(at, at + perPixel);
    pixels.push([Math.trunc(Math.min(...part) / 256), Math.trunc(Math.max(...part) / 256)]);
  }
  return pixels;
}
