/**
 * Chromium's own decoder: init + all segments of every rendition give exactly N samples, each where it was in the
 * source. What that is the container's own time line tells: from the first sample to the end of the last, declared
 * priming and padding removed, lost frames silence of their length.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { audioFile, decode, noise, type Sound } from '../support/audio.ts';
import { decodeInBrowser, openPage } from '../support/browser.ts';
import { getManifest, upload } from '../support/client.ts';
import { DAMAGES } from '../support/damage.ts';
import { temporaryFolder } from '../support/folders.ts';
import { lagAt } from '../support/lag.ts';
import { expectOnTimeline, referenceOf } from '../support/on-timeline.ts';
import { DEFAULT_LADDER, startServer, type TestServer } from '../support/server.ts';
import { adoptedOn, uploadSlowly } from '../support/slow-upload.ts';

const RATE = 44_100;
const SECONDS = 3;
const DAMAGED_SECONDS = 5;
let page: Page;
let server: TestServer;
beforeAll(async () => {
  server = await startServer({ SEGMENT_SECONDS: '1', ...DEFAULT_LADDER });
  page = await openPage(`${server.url}/healthz`);
});

interface Row {
  source: string;
  rendition: string;
  samplesOff: number;
  lag: number;
}
const table: Row[] = [];
afterAll(() => {
  const cell = ({ samplesOff, lag }: Row) => `${samplesOff}, ${lag}`;
  const renditions = [...new Set(table.map(({ rendition }) => rendition))];
  const lines = [...new Set(table.map(({ source }) => source))].map((source) => {
    const cells = renditions.map((rendition) => {
      const row = table.find((each) => each.source === source && each.rendition === rendition);
      return row ? cell(row) : '';
    });
    return `| ${[source, ...cells].join(' | ')} |`;
  });
  const head = [
    `| samples off, lag | ${renditions.join(' | ')} |`,
    `|---|${renditions.map(() => '---|').join('')}`,
  ];
  console.info([...head, ...lines].join('\n'));
});

/** Uploads a file, and compares every rendition of it with the reference: its first channel, in its own rate. */
async function expectExact(
  source: string,
  file: string,
  reference: ArrayLike<number>,
  { to = server, on = page, send = () => upload(to.url, file) } = {},
): Promise<void> {
  const { status, body } = await send();
  expect(status, body.detail).toBe(201);
  const manifest = await getManifest(to.url, body);
  await expectOnTimeline(manifest, reference.length);
  const { representations } = manifest;
  const rows: Row[] = [];
  for (const { id, initUrl, segments } of representations) {
    const urls = [initUrl, ...segments.map(({ url }) => url)];
    const decoded = await decodeInBrowser(on, urls, body.sampleRate);
    rows.push({
      source,
      rendition: id,
      samplesOff: decoded.length - chromiumLength(reference.length, body.sampleRate),
      lag: worstLag(decoded, reference),
    });
  }
  table.push(...rows);
  expect(body.samples).toBe(reference.length);
  expect(rows.map(({ rendition, samplesOff, lag }) => [rendition, samplesOff, lag])).toEqual(
    representations.map(({ id }) => [id, 0, 0]),
  );
}

/**
 * What `decodeAudioData` makes of N samples. It shortens the last AAC frame by a ratio of whole microseconds, rounded
 * down (`AudioFileReader::OnNewFrame`), and so loses the last sample of some lengths, whatever the file says.
 */
function chromiumLength(samples: number, sampleRate: number): number {
  const last = (samples + 1024) % 1024;
  if (last === 0) return samples;
  const [lastMicroseconds, frameMicroseconds] = [
    Math.round((last * 1e6) / sampleRate),
    Math.floor((1024 * 1e6) / sampleRate),
  ];
  return samples - last + Math.floor((1024 * lastMicroseconds) / frameMicroseconds);
}

const LAG_EVERY = 22_050;
const LAG_WINDOW = 1500;
/** At 64 kbit/s little is left of white noise above 10 kHz: to tell a sample from the next takes a longer look. */
const FINE_WINDOW = 8000;
const FINE_REACH = 8;

/** The largest lag at any place, two to the second, where there is enough to tell by: not where frames were lost. */
function worstLag(actual: Float32Array, expected: ArrayLike<number>): number {
  let worst = 0;
  for (let at = 0; at + LAG_WINDOW <= expected.length; at += LAG_EVERY) {
    let silent = 0;
    for (let n = at; n < at + LAG_WINDOW; n++) if (expected[n] === 0) silent++;
    if (silent > LAG_WINDOW / 4) continue;
    let lag = lagAt(actual, expected, at, { window: LAG_WINDOW });
    if (lag !== 0 && Math.abs(lag) <= FINE_REACH)
      lag = lagAt(actual, expected, at, { window: FINE_WINDOW, reach: FINE_REACH });
    if (Math.abs(lag) > Math.abs(worst)) worst = lag;
  }
  return worst;
}

const firstChannel = ({ pcm, channels }: Sound) => pcm.filter((_sample, at) => at % channels === 0);

describe('every rendition has N samples, at lag 0', () => {
  it.each([1, 3000])('for %i samples', async (samples) => {
    const sound = noise({ samples, seed: samples });
    await expectExact(`${samples} samples`, await audioFile('short.wav', sound), firstChannel(sound));
  });

  const segment = 43 * 1024;
  it.each([-1, 0, 1, 11_025].map((more) => 2 * segment - 1024 + more))(
    'for %i samples, around a boundary',
    async (samples) => {
      const sound = noise({ samples, seed: samples });
      await expectExact(`${samples} samples`, await audioFile('boundary.wav', sound), firstChannel(sound));
    },
  );

  it('for 8 kHz', async () => {
    const sound = noise({ samples: 40_000, sampleRate: 8000, seed: 5 });
    await expectExact('8 kHz', await audioFile('telephone.wav', sound), firstChannel(sound));
  });
});

describe('every rendition has N samples, at lag 0, from', () => {
  // Whole seconds: the edit list of an M4A counts milliseconds.
  const sound = noise({ samples: SECONDS * RATE, channels: 2, seed: 8 });
  it.each<[string, string, string[]]>([
    ['MP3, CBR, LAME gapless', 'lame.mp3', ['-b:a', '320k']],
    ['MP3, VBR with header', 'vbr.mp3', ['-q:a', '0']],
    ['AAC in M4A', 'aac.m4a', ['-b:a', '320k']],
    ['ALAC', 'alac.m4a', ['-c:a', 'alac']],
    ['WAV, 16 bits', 'plain.wav', []],
    ['WAV, 24 bits', 'pcm24.wav', ['-c:a', 'pcm_s24le']],
    ['WAV, float', 'float.wav', ['-c:a', 'pcm_f32le']],
    ['AIFF', 'plain.aiff', []],
    ['FLAC', 'plain.flac', []],
    ['Ogg Vorbis', 'vorbis.ogg', ['-c:a', 'libvorbis', '-b:a', '256k']],
  ])('%s: as long as the sound was', async (source, name, options) => {
    await expectExact(source, await audioFile(name, sound, options), firstChannel(sound));
  });

  it('Ogg Opus: as long as the sound was', async () => {
    const at48 = noise({ samples: SECONDS * 48_000, sampleRate: 48_000, channels: 2, seed: 8 });
    await expectExact('Ogg Opus', await audioFile('plain.opus', at48, ['-b:a', '256k']), firstChannel(at48));
  });

  it.each<[string, string, string[]]>([
    ['MP3, CBR without header', 'bare.mp3', ['-b:a', '320k', '-write_xing', '0']],
    ['MP3, VBR without header', 'bare-vbr.mp3', ['-q:a', '0', '-write_xing', '0']],
    ['AAC, ADTS', 'raw.aac', ['-b:a', '320k']],
  ])('%s: as long as it decodes, for nothing declares more', async (source, name, options) => {
    const file = await audioFile(name, sound, options);
    const pcm = await decode(file);
    await expectExact(source, file, firstChannel({ ...sound, pcm }));
  });

  // Longer, so that no damage falls on the headers.
  const longer = noise({ samples: DAMAGED_SECONDS * RATE, channels: 2, seed: 8 });
  describe.each(['mp3', 'aac', 'ogg'])('%s, damaged', (extension) => {
    it.each(Object.entries(DAMAGES))('%s', async (name, damage) => {
      const whole = await readFile(await audioFile(`whole.${extension}`, longer, ['-b:a', '256k']));
      const file = path.join(await temporaryFolder(), `damaged.${extension}`);
      await writeFile(file, damage(whole));
      const pcm = await referenceOf(file, RATE);
      await expectExact(`${extension}, ${name}`, file, padded(pcm, LOST_AT_THE_END[`${extension}, ${name}`]));
    });
  });
});

describe('a source that was encoded while it arrived has N samples, at lag 0, from', () => {
  let early: TestServer;
  let earlyPage: Page;
  beforeAll(async () => {
    early = await startServer({ SEGMENT_SECONDS: '1', LOG_LEVEL: 'debug' });
    earlyPage = await openPage(`${early.url}/healthz`);
  });
  /** Formats that do not tell how long the sound was. */
  const asDecoded = ['early.aac', 'early.opus'];
  const sound = noise({ samples: 6 * RATE, channels: 2, seed: 18 });
  it.each<[string, string, string[]]>([
    ['MP3', 'early.mp3', ['-b:a', '320k']],
    ['FLAC', 'early.flac', []],
    ['WAV', 'early.wav', []],
    ['AAC, ADTS', 'early.aac', ['-b:a', '320k']],
    ['AAC in M4A, its index first', 'early.m4a', ['-b:a', '320k', '-movflags', '+faststart']],
    ['Ogg Vorbis', 'early.ogg', ['-c:a', 'libvorbis', '-b:a', '256k']],
    ['Ogg Opus', 'early.opus', ['-b:a', '256k']],
  ])('%s', async (source, name, options) => {
    const file = await audioFile(name, sound, options);
    const before = adoptedOn(early);
    const pcm = asDecoded.includes(name) ? await decode(file) : sound.pcm;
    await expectExact(`early: ${source}`, file, firstChannel({ ...sound, pcm }), {
      to: early,
      on: earlyPage,
      send: () => uploadSlowly(early, file),
    });
    // An init segment, and at least one with sound.
    expect(adoptedOn(early) - before).toBeGreaterThanOrEqual(2);
  });
});

/** Lost frames with nothing after them, which a decoder does not show: silence of their length all the same. */
const LOST_AT_THE_END: Record<string, { until?: number; more?: number }> = {
  // The header declares the length of the whole.
  'mp3, a corrupt spot': { until: DAMAGED_SECONDS * RATE },
  // The last frame is cut through.
  'aac, truncated': { more: 1024 },
  'aac, two joined': { more: 1024 },
};

function padded(
  pcm: Int16Array,
  { until = 0, more = 0 }: { until?: number; more?: number } = {},
): Int16Array {
  const longer = new Int16Array(Math.max(until, pcm.length + more));
  longer.set(pcm);
  return longer;
}
