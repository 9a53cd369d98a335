/**
 * Whatever the source, its segments lie on the grid: each starts exactly where the manifest says, the times add up to
 * N, and what is heard there is what the source has there.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readBoxes, readFragment } from '../../src/media/boxes.ts';
import { audioFile, decode, ffmpeg, lagAt, noise, type Sound, wav } from '../support/audio.ts';
import { download, downloadTrack, getManifest, type Manifest, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

async function* once(bytes: Buffer) {
  yield bytes;
}

/** Each segment's `tfdt` and length against the manifest; media time is 1,024 samples ahead of presentation time. */
async function expectOnGrid(manifest: Manifest, samples: number): Promise<void> {
  let mediaEnd = 0;
  for (const segment of manifest.segments) {
    let start: number | undefined;
    for await (const { type, bytes } of readBoxes(once(await download(segment.url)))) {
      if (type !== 'moof') continue;
      const fragment = readFragment(bytes);
      start ??= fragment.decodeTime;
      expect(fragment.decodeTime).toBe(mediaEnd);
      mediaEnd += fragment.duration;
    }
    expect(start).toBe(segment.start === 0 ? 0 : segment.start + 1024);
    expect(mediaEnd).toBe(segment.start + segment.duration + 1024);
  }
  expect(mediaEnd).toBe(samples + 1024);
  expect(manifest.durationSeconds).toBeCloseTo(samples / manifest.timescale, 8);
}

async function decodeTrack(manifest: Manifest): Promise<Int16Array> {
  const file = path.join(await temporaryFolder(), 'track.mp4');
  await writeFile(file, await downloadTrack(manifest));
  // ffmpeg gives the priming samples out as well, for it takes the edit list of a fragmented file as a mere offset.
  return (await decode(file, ['-ac', '1'])).subarray(1024);
}

/** The container's own time line: what is lost is silence of its length. */
function referenceOf(file: string, sampleRate: number): Promise<Int16Array> {
  return decode(file, ['-af', `aresample=${sampleRate}:async=1:min_hard_comp=0.005:first_pts=0`, '-ac', '1']);
}

async function expectInPlace(manifest: Manifest, reference: Int16Array): Promise<void> {
  const actual = await decodeTrack(manifest);
  for (const { start } of manifest.segments) {
    // Not at the very start: WMA begins with some 2,048 samples of silence, in which nothing can be told apart.
    const at = Math.max(0, Math.min(Math.max(start, 3000), reference.length - 1600));
    expect(lagAt(actual, reference, at), `at sample ${at}`).toBe(0);
  }
}

describe('sources of any rate', () => {
  it.each([
    [44_100, 44_100],
    [48_000, 48_000],
    [22_050, 22_050],
    [8000, 8000],
    [96_000, 48_000],
    [88_200, 44_100],
    [44_056, 44_100],
    [6000, 7350],
  ])('%i Hz', async (sampleRate, expectedRate) => {
    const sound = noise({ samples: Math.round(sampleRate * 9.3), sampleRate });
    const file = await audioFile(`rate-${sampleRate}.wav`, sound);
    const { status, body } = await upload(server.url, file);
    expect(status).toBe(201);
    expect(body.sampleRate).toBe(expectedRate);
    expect(body.source.sampleRate).toBe(sampleRate);
    expect(body.samples).toBe(Math.round((sound.pcm.length * expectedRate) / sampleRate));
    const manifest = await getManifest(server.url, body);
    expect(manifest.timescale).toBe(expectedRate);
    await expectOnGrid(manifest, body.samples);
    await expectInPlace(manifest, await referenceOf(file, expectedRate));
  });
});

describe('sources of any format', () => {
  const stereo = noise({ samples: 427_770, channels: 2, seed: 9 });
  it.each<[string, string[], boolean?]>([
    ['cbr.mp3', ['-b:a', '128k']],
    ['vbr.mp3', ['-q:a', '4']],
    ['no-header.mp3', ['-q:a', '4', '-write_xing', '0'], true],
    ['pcm24.wav', ['-c:a', 'pcm_s24le']],
    ['float.wav', ['-c:a', 'pcm_f32le']],
    ['raw.aac', ['-b:a', '160k'], true],
    ['aac.m4a', ['-b:a', '160k']],
    ['alac.m4a', ['-c:a', 'alac']],
    ['plain.flac', []],
    ['plain.aiff', []],
    ['vorbis.ogg', ['-c:a', 'libvorbis']],
    ['plain.opus', ['-b:a', '128k'], true],
    ['windows.wma', ['-b:a', '160k'], true],
    ['opus.webm', ['-c:a', 'libopus', '-b:a', '128k'], true],
  ])('%s', async (name, options, padded = false) => {
    const file = await audioFile(name, stereo, options);
    const { status, body } = await upload(server.url, file);
    expect(status).toBe(201);
    expect(body.channels).toBe(2);
    const reference = await referenceOf(file, body.sampleRate);
    // Formats that declare no padding are as long as they decode; the rest as long as the sound was.
    expect(body.samples).toBe(padded ? reference.length : stereo.pcm.length / 2);
    const manifest = await getManifest(server.url, body);
    await expectOnGrid(manifest, body.samples);
    await expectInPlace(manifest, reference);
  });

  it('the sound of a video, from its default stream, with cover art doing no harm', async () => {
    const folder = await temporaryFolder();
    const [first, second] = [noise({ samples: 50_000, seed: 3 }), noise({ samples: 60_000, seed: 4 })];
    await writeFile(path.join(folder, '1.wav'), wav(first));
    await writeFile(path.join(folder, '2.wav'), wav(second));
    const file = path.join(folder, 'film.mkv');
    await ffmpeg([
      ...['-f', 'lavfi', '-i', 'testsrc=d=1:s=64x64:r=5', '-i', `${folder}/1.wav`, '-i', `${folder}/2.wav`],
      ...['-map', '0:v', '-map', '1:a', '-map', '2:a', '-c:a', 'flac', '-c:v', 'mpeg4'],
      ...['-disposition:a:0', '0', '-disposition:a:1', 'default', file],
    ]);
    const { body } = await upload(server.url, file);
    expect(body.status).toBe('ready');
    expect(body.samples).toBe(60_000);
    const manifest = await getManifest(server.url, body);
    await expectInPlace(manifest, second.pcm);
  });

  it('more than two channels are mixed to stereo', async () => {
    const file = await audioFile('six.flac', noise({ samples: 30_000, channels: 6, seed: 6 }));
    const { body } = await upload(server.url, file);
    expect([body.status, body.channels, body.source.channels]).toEqual(['ready', 2, 6]);
  });
});

describe('damaged sources stay on the grid', () => {
  const sound = noise({ samples: 14 * 44_100, seed: 12 });
  const cases: Record<string, (mp3: Buffer) => Buffer> = {
    'a corrupt spot': (mp3) => {
      const bytes = Buffer.from(mp3);
      for (let at = 90_000; at < 93_000; at++) bytes[at] = (at * 7919) & 0xff;
      return bytes;
    },
    'a hole': (mp3) => Buffer.concat([mp3.subarray(0, 80_000), mp3.subarray(88_123)]),
    truncated: (mp3) => mp3.subarray(0, 123_457),
    'two joined': (mp3) => Buffer.concat([mp3, mp3.subarray(0, 100_000)]),
  };
  for (const extension of ['mp3', 'aac', 'ogg']) {
    it.each(Object.entries(cases))(`${extension}: %s`, async (name, damage) => {
      const whole = await readFile(await audioFile(`whole.${extension}`, sound, ['-b:a', '128k']));
      const folder = await temporaryFolder();
      const file = path.join(folder, `${name.replaceAll(' ', '-')}.${extension}`);
      await writeFile(file, damage(whole));
      const { status, body } = await upload(server.url, file);
      expect(status, body.detail).toBe(201);
      const manifest = await getManifest(server.url, body);
      await expectOnGrid(manifest, body.samples);
      expect((await decodeTrack(manifest)).length).toBeGreaterThanOrEqual(body.samples);
    });
  }

  it('a file whose last packet is cut off ends where it ends', async () => {
    const whole = await readFile(await audioFile('whole.flac', sound));
    const cut = { name: 'cut.flac', bytes: whole.subarray(0, Math.round(whole.length * 0.6)) };
    const { status, body } = await upload(server.url, cut);
    expect(status).toBe(201);
    expect(body.samples).toBeLessThan(sound.pcm.length * 0.65);
    const manifest = await getManifest(server.url, body);
    await expectOnGrid(manifest, body.samples);
    await expectInPlace(manifest, sound.pcm.subarray(0, body.samples));
  });
});

describe('lengths', () => {
  const segment = 172 * 1024;
  const quarter = 11_025;
  const lengths = [1, 500, 1024, 3000].concat(
    [-1, 0, 1, quarter - 1, quarter, quarter + 1].map((more) => segment - 1024 + more),
    [-1, 0, 1, quarter - 1, quarter].map((more) => 2 * segment - 1024 + more),
  );
  it.each(lengths)('%i samples', async (samples) => {
    const sound: Sound = noise({ samples, seed: samples });
    const { status, body } = await upload(server.url, { name: `n${samples}.wav`, bytes: wav(sound) });
    expect(status).toBe(201);
    expect(body.samples).toBe(samples);
    await expectOnGrid(await getManifest(server.url, body), samples);
  });
});
