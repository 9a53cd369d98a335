/** Playable at once, and anywhere, while the track is still being encoded. */
import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, decode, longMp3, noise, type Sound, wav } from '../support/audio.ts';
import {
  download,
  getManifest,
  getTrack,
  type Manifest,
  type Problem,
  request,
  settled,
  until,
  upload,
} from '../support/client.ts';
import { decodeTrack, expectInPlace, expectOnTimeline, referenceOf } from '../support/on-timeline.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { failingFfmpeg, haltingFfmpeg, slowFfmpeg } from '../support/slow-ffmpeg.ts';

/** Beside the project, on the machines of its developers. */
const MUSIC = fileURLToPath(new URL('../../../shared/corpus/music/viper.mp3', import.meta.url));

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

const last = <T>(list: T[]): T => list.at(-1) as T;

describe('an upload', () => {
  it('is answered as soon as it is playable, and its manifest is final from then on', async () => {
    const answer = await upload(server.url, { name: 'hour.mp3', bytes: await longMp3(5) }, '');
    expect(answer.status).toBe(201);
    expect(answer.body).toMatchObject({ status: 'processing', manifestUrl: '/stream/hour.mp3/manifest' });
    expect(answer.body.progress).toBeLessThan(0.5);
    expect(answer.body.encoded[0]?.[0]).toBe(0);
    const manifest = await getManifest(server.url, answer.body);
    expect(manifest.durationSeconds).toBeCloseTo(answer.body.durationSeconds, 6);

    // Far ahead, and to and fro: each is held until it is there.
    const { segments } = manifest;
    for (const at of [0.9, 0.4, 0.7, 1]) {
      const segment = segments[Math.ceil(at * segments.length) - 1];
      expect((await download(segment?.url ?? '')).length).toBeGreaterThan(1000);
    }
    expect((await getTrack(server.url, 'hour.mp3')).status).toBe('processing');
    expect((await getTrack(server.url, 'hour.mp3')).encoded.length).toBeGreaterThan(1);
    const past = last(segments).url.replace(
      /\d{5}\.m4s$/,
      String(segments.length + 1)
        .padStart(5, '0')
        .concat('.m4s'),
    );
    expect((await request<Problem>(past)).body).toMatchObject({ status: 404, code: 'segment_not_found' });

    expect(await settled(server.url, 'hour.mp3')).toMatchObject({ status: 'ready', progress: 1 });
    // But for the bit rate: that is measured now.
    const withoutRate = ({ xml }: Manifest) => xml.replaceAll(/bandwidth="\d+"/g, '');
    expect(withoutRate(await getManifest(server.url, answer.body))).toBe(withoutRate(manifest));
    await expectOnTimeline(manifest, answer.body.samples);
  });

  it('with ?wait=ready is answered when all is encoded', async () => {
    const { status, body } = await upload(
      server.url,
      { name: 'r.mp3', bytes: await longMp3(1) },
      '?wait=ready',
    );
    expect([status, body.status, body.progress]).toEqual([201, 'ready', 1]);
    expect(body.encoded).toEqual([[0, body.durationSeconds]]);
  });
});

describe('a segment that is not encoded yet', () => {
  it('is held for any number of clients, by GET and HEAD, and a client that goes loses nothing for the others', async () => {
    const slow = await startServer({ FFMPEG_PATH: await slowFfmpeg(3), CONCURRENCY: '1' });
    const { body } = await upload(
      slow.url,
      { name: 'slow.wav', bytes: wav(noise({ samples: 30 * 44_100 })) },
      '',
    );
    const { segments } = await getManifest(slow.url, body);
    const { url } = segments[2] ?? { url: '' };
    const gone = new AbortController();
    const leaving = fetch(url, { signal: gone.signal }).catch(() => 'gone');
    const answers = Array.from({ length: 50 }, (_, n) => fetch(url, { method: n % 2 ? 'GET' : 'HEAD' }));
    gone.abort();
    expect(await leaving).toBe('gone');
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(200);
      await answer.arrayBuffer();
    }
    await slow.close();
  });

  it('is 503 with Retry-After when it takes too long', async () => {
    const slow = await startServer({
      FFMPEG_PATH: await haltingFfmpeg(25_000),
      SEGMENT_WAIT_SECONDS: '1',
      SEGMENT_SECONDS: '1',
    });
    const { body } = await upload(
      slow.url,
      { name: 'slow.wav', bytes: wav(noise({ samples: 10 * 44_100 })) },
      '',
    );
    const { segments } = await getManifest(slow.url, body);
    const { status, headers, body: problem } = await request<Problem>(segments[8]?.url ?? '');
    expect([status, problem.code]).toEqual([503, 'segment_not_yet']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await slow.close();
  });
});

describe('a source that ends before its declared length', () => {
  it('says so with both lengths, and what lies past its end is 404', async () => {
    const whole = await readFile(await audioFile('whole.flac', noise({ samples: 60 * 44_100, seed: 5 })));
    // The header still declares a minute; the last frame is cut through.
    const bytes = whole.subarray(0, Math.round(whole.length * 0.51));
    const { body } = await upload(server.url, { name: 'cut.flac', bytes });
    expect(body.status).toBe('ready');
    expect(body.truncated).toMatchObject({ seconds: body.durationSeconds });
    expect(body.truncated?.declaredSeconds).toBeGreaterThan(body.durationSeconds);
    await expectOnTimeline(await getManifest(server.url, body), body.samples);
  });
});

describe('a run that fails', () => {
  it('once is tried again; twice at the same place fails the track, and ends all waits at once', async () => {
    const { executable, failures } = await failingFfmpeg();
    const own = await startServer({ FFMPEG_PATH: executable, SANDBOX: 'off', CONCURRENCY: '1' });
    await writeFile(failures, 'once\n');
    const first = await upload(own.url, { name: 'a.wav', bytes: wav(noise({ samples: 20_000, seed: 1 })) });
    expect([first.status, first.body.status]).toEqual([201, 'ready']);
    await writeFile(failures, 'once\ntwice\n');
    const second = await upload(
      own.url,
      { name: 'b.wav', bytes: wav(noise({ samples: 20_000, seed: 2 })) },
      '',
    );
    expect([second.status, second.body.code]).toEqual([422, 'processing_failed']);
    expect(await getTrack(own.url, 'b.wav')).toMatchObject({ status: 'failed', manifestUrl: null });
    await own.close();
  });
});

describe('a restart in the middle', () => {
  it('encodes nothing twice', async () => {
    const before = await startServer();
    const { body } = await upload(before.url, { name: 'long.mp3', bytes: await longMp3(4) }, '');
    const { segments } = await getManifest(before.url, body);
    await download(segments[50]?.url ?? '');
    await before.close();
    const folder = path.join(before.dataDir, 'segments', 'long.mp3');
    const timesOf = async () =>
      new Map(
        await Promise.all(
          (await readdir(folder)).map(
            async (name) => [name, (await stat(path.join(folder, name))).mtimeMs] as const,
          ),
        ),
      );
    const stored = await timesOf();
    expect(stored.size).toBeLessThan(segments.length);

    const after = await startServer({ DATA_DIR: before.dataDir });
    await until(async () => expect((await getTrack(after.url, 'long.mp3')).manifestUrl).not.toBeNull());
    await settled(after.url, 'long.mp3');
    const now = await timesOf();
    expect(now.size).toBe(segments.length + 1);
    for (const [name, time] of stored) expect(now.get(name), name).toBe(time);
  });
});

describe('joints', () => {
  const SECONDS = 24;
  const sound = noise({ samples: SECONDS * 44_100, seed: 33 });
  let many: TestServer;
  let one: TestServer;
  beforeAll(async () => {
    many = await startServer({ SEGMENT_SECONDS: '1' });
    one = await startServer({ SEGMENT_SECONDS: '1', CONCURRENCY: '1' });
  });

  // One that is sought in, and one that is copied first; all other formats are in `encoding/encode-range`.
  it.each<[string, string[]]>([
    ['vbr.mp3', ['-q:a', '4']],
    ['windows.wma', ['-b:a', '160k']],
  ])('%s, sought in at random, is in place everywhere', async (name, options) => {
    const file = await audioFile(name, sound, options);
    const { body } = await upload(many.url, file, '');
    expect(body.manifestUrl).not.toBeNull();
    const manifest = await getManifest(many.url, body);
    const order = [19, 4, 12, 22, 7, 16, 2];
    for (const index of order) await download(manifest.segments[index]?.url ?? '');
    expect(await settled(many.url, name)).toMatchObject({ status: 'ready', samples: body.samples });
    await expectOnTimeline(manifest, body.samples);
    const reference = await referenceOf(file, body.sampleRate);
    await expectInPlace(manifest, reference);
  });

  const rate = 44_100;
  const made = (of: (n: number) => number): Sound => ({
    sampleRate: rate,
    channels: 1,
    pcm: Int16Array.from({ length: SECONDS * rate }, (_, n) => Math.round(of(n))),
  });
  const sounds: Record<string, () => Promise<Sound>> = {
    'white noise': async () => sound,
    clicks: async () => made((n) => (n % 16_317 < 3 ? 20_000 : 0)),
    'a sweep': async () => made((n) => 12_000 * Math.sin((Math.PI * 200 * n * (n / rate)) / rate)),
    'silence and bursts': async () => made((n) => (n % 60_000 < 9000 ? 9000 * Math.sin(n / 7) : 0)),
    // Real music, where it is there.
    ...(existsSync(MUSIC) && {
      music: async () => ({
        sampleRate: rate,
        channels: 1,
        pcm: await decode(MUSIC, ['-ac', '1', '-t', String(SECONDS)]),
      }),
    }),
  };

  it.each(Object.keys(sounds))('sound no worse than one run does at the same places: %s', async (name) => {
    const source = await (sounds[name] as () => Promise<Sound>)();
    const file = { name: `${name.replaceAll(' ', '-')}.wav`, bytes: wav(source) };
    const { body } = await upload(many.url, file, '');
    const manifest = await getManifest(many.url, body);
    const joints = [21, 6, 13, 18, 3, 10];
    for (const index of joints) await download(manifest.segments[index]?.url ?? '');
    await settled(many.url, body.filename);
    const whole = await getManifest(one.url, (await upload(one.url, file)).body);

    const errorOf = async (from: Manifest) => {
      const decoded = await decodeTrack(from);
      let sum = 0;
      for (const index of joints) {
        const at = from.segments[index]?.start ?? 0;
        for (let n = at - 1024; n < at + 1024; n++) sum += ((decoded[n] ?? 0) - (source.pcm[n] ?? 0)) ** 2;
      }
      return sum / (joints.length * 2048);
    };
    const [joined, unbroken] = [await errorOf(manifest), await errorOf(whole)];
    // A decibel, or what rounding to whole numbers makes of silence.
    expect(joined).toBeLessThan(unbroken * 1.26 + 1);
  });
});
