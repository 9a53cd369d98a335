/** A ladder of renditions from one upload: which there are, in which order they are made, and what they need. */
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, longMp3, noise, wav } from '../support/audio.ts';
import {
  download,
  getManifest,
  getTrack,
  type Manifest,
  request,
  settled,
  until,
  upload,
} from '../support/client.ts';
import { expectInPlace, expectOnTimeline, referenceOf } from '../support/on-timeline.ts';
import { DEFAULT_LADDER, startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ SEGMENT_SECONDS: '1', ...DEFAULT_LADDER });
});

const ids = ({ renditions }: { renditions: { id: string }[] }) => renditions.map(({ id }) => id);

/** When each segment was stored, by rendition: the first, and all after it. */
async function storedAt({ dataDir }: TestServer, filename: string) {
  const folder = path.join(dataDir, 'segments', filename);
  const times = new Map<string, { first: number; others: number[] }>();
  for (const name of await readdir(folder)) {
    const [, id = '', number] = /^(aac-\d+k)-[0-9a-f]{8}-(\d+)\.m4s$/.exec(name) ?? [];
    if (number === undefined) continue;
    const { mtimeMs } = await stat(path.join(folder, name));
    const entry = times.get(id) ?? { first: 0, others: [] };
    times.set(id, entry);
    if (Number(number) === 1) entry.first = mtimeMs;
    else entry.others.push(mtimeMs);
  }
  return times;
}

describe('the renditions of an upload', () => {
  it('are those that the source is worth, all cut at the same instants', async () => {
    const sound = noise({ samples: 5 * 44_100, channels: 2, seed: 21 });
    const file = await audioFile('rich.mp3', sound, ['-b:a', '320k']);
    const { body } = await upload(server.url, file);
    expect(ids(body)).toEqual(['aac-64k', 'aac-128k', 'aac-256k']);
    const manifest = await getManifest(server.url, body);
    expect(manifest.representations.map(({ id }) => id)).toEqual(ids(body));
    const cuts = manifest.representations.map(({ segments }) =>
      segments.map(({ start, duration }) => [start, duration]),
    );
    expect(cuts[1]).toEqual(cuts[0]);
    expect(cuts[2]).toEqual(cuts[0]);
    await expectOnTimeline(manifest, body.samples);
    await expectInPlace(manifest, await referenceOf(file, 44_100));
  });

  it.each<[string, number, number, string[], string[]]>([
    ['poor.mp3', 44_100, 2, ['-b:a', '96k'], ['aac-64k', 'aac-128k']],
    ['poorest.mp3', 44_100, 1, ['-b:a', '48k'], ['aac-128k']],
    ['telephone.wav', 8000, 1, [], ['aac-64k']],
    ['plain.flac', 48_000, 2, [], ['aac-64k', 'aac-128k', 'aac-256k']],
  ])('of %s at %i Hz with %i channels', async (name, sampleRate, channels, options, expected) => {
    const file = await audioFile(name, noise({ samples: 2 * sampleRate, sampleRate, channels }), options);
    expect(ids((await upload(server.url, file)).body)).toEqual(expected);
  });
});

describe('bandwidth', () => {
  /** Bits per second of each segment, by their sizes and their media time. */
  const rates = async ({ segments, timescale }: Manifest) => {
    const found: { rate: number; seconds: number; bits: number }[] = [];
    for (const { url, start, duration } of segments) {
      const seconds = (duration + (start === 0 ? 1024 : 0)) / timescale;
      const bits = 8 * (await download(url)).length;
      found.push({ rate: bits / seconds, seconds, bits });
    }
    return found;
  };

  it.each<[string, Parameters<typeof noise>[0]]>([
    // Lengths whose last segment is more than half of one, and so counts alone.
    // More than a tenth above the bit rate that the encoder is asked for.
    ['white noise in mono', { samples: 6 * 44_100, seed: 31 }],
    ['stereo', { samples: 6 * 44_100, channels: 2, seed: 32 }],
    ['8 kHz, which does not need the half of it', { samples: 63_000, sampleRate: 8000, seed: 33 }],
  ])('of %s is what its segments really need, once all are encoded', async (name, sound) => {
    const { body } = await upload(server.url, {
      name: `${name.replaceAll(' ', '-')}.wav`,
      bytes: wav(noise(sound)),
    });
    const manifest = await getManifest(server.url, body);
    for (const representation of manifest.representations) {
      const found = await rates({ ...manifest, ...representation });
      expect(representation.bandwidth).toBe(Math.ceil(Math.max(...found.map(({ rate }) => rate))));
      const rendition = body.renditions.find(({ id }) => id === representation.id);
      expect(rendition?.bandwidth).toBe(representation.bandwidth);
      const [bits, seconds] = [
        found.reduce((sum, each) => sum + each.bits, 0),
        found.reduce((sum, each) => sum + each.seconds, 0),
      ];
      expect(rendition?.averageBandwidth).toBe(Math.ceil(bits / seconds));
    }
  });
});

describe('the order', () => {
  it('is the first segment of every rendition, then the track with the least left, its 128k rendition first', async () => {
    const own = await startServer({ CONCURRENCY: '1', ...DEFAULT_LADDER });
    // Both are there long before the 128k rendition of the first is done.
    const bytes = [await longMp3(2), Buffer.concat([await longMp3(1), Buffer.alloc(1)])];
    const names = ['one.mp3', 'two.mp3'];
    for (const [at, name] of names.entries()) {
      const { body } = await upload(own.url, { name, bytes: bytes[at] as Buffer }, '');
      expect(body.status).toBe('processing');
      expect(ids(body)).toEqual(['aac-64k', 'aac-128k']);
    }
    for (const name of names) await settled(own.url, name);
    const [one, two] = [await storedAt(own, 'one.mp3'), await storedAt(own, 'two.mp3')];
    const latest = (times: typeof one, id: string) => Math.max(...(times.get(id)?.others ?? []));
    const earliest = (times: typeof one, id: string) => Math.min(...(times.get(id)?.others ?? []));
    const firsts = [one, two].flatMap((times) => [...times.values()].map(({ first }) => first));
    expect(Math.max(...firsts)).toBeLessThan(earliest(one, 'aac-64k'));
    expect(latest(one, 'aac-128k')).toBeLessThan(earliest(one, 'aac-64k'));
    // The second one is shorter: it is done before the first one goes on.
    expect(latest(two, 'aac-64k')).toBeLessThan(latest(one, 'aac-128k'));
    expect(latest(two, 'aac-64k')).toBeLessThan(earliest(one, 'aac-64k'));
    await own.close();
  });

  it('gives way to a segment of any rendition that a client waits for', async () => {
    const { body } = await upload(server.url, { name: 'waits.mp3', bytes: await longMp3(4) }, '');
    const { representations } = await getManifest(server.url, body);
    const low = representations.find(({ id }) => id === 'aac-64k');
    await download(low?.segments.at(-5)?.url ?? '');
    expect((await getTrack(server.url, 'waits.mp3')).status).toBe('processing');
    expect((await request(`${server.url}/files/waits.mp3`, { method: 'DELETE' })).status).toBe(204);
  });
});

it('a track from before bit rates were measured is measured at the next start', async () => {
  const before = await startServer(DEFAULT_LADDER);
  const bytes = wav(noise({ samples: 300_000, channels: 2, seed: 51 }));
  const { renditions } = (await upload(before.url, { name: 'old.wav', bytes })).body;
  await before.close();
  const record = path.join(before.dataDir, 'manifests', 'old.wav', 'track.json');
  const track = JSON.parse(await readFile(record, 'utf8'));
  for (const rendition of track.renditions) {
    delete rendition.averageBandwidth;
    rendition.bandwidth = 1;
  }
  await writeFile(record, JSON.stringify(track));
  const after = await startServer({ DATA_DIR: before.dataDir });
  expect((await getTrack(after.url, 'old.wav')).renditions).toEqual(renditions);
  await after.close();
});

describe('another AUDIO_LADDER', () => {
  it('is for new uploads; old tracks keep playing as they are, and are finished as they were begun', async () => {
    const before = await startServer(DEFAULT_LADDER);
    const old = wav(noise({ samples: 100_000, channels: 2, seed: 41 }));
    await upload(before.url, { name: 'old.wav', bytes: old });
    await upload(before.url, { name: 'unfinished.mp3', bytes: await longMp3(1) }, '');
    await before.close();

    const after = await startServer({ DATA_DIR: before.dataDir, AUDIO_LADDER: 'aac@96k,aac@192k' });
    const young = await upload(after.url, {
      name: 'new.wav',
      bytes: wav(noise({ samples: 100_000, channels: 2, seed: 42 })),
    });
    expect(ids(young.body)).toEqual(['aac-96k', 'aac-192k']);
    const track = await getTrack(after.url, 'old.wav');
    expect(ids(track)).toEqual(['aac-64k', 'aac-128k', 'aac-256k']);
    const manifest = await getManifest(after.url, track);
    await expectOnTimeline(manifest, track.samples);
    expect(await settled(after.url, 'unfinished.mp3')).toMatchObject({ status: 'ready' });
    expect(ids(await getTrack(after.url, 'unfinished.mp3'))).toEqual(['aac-64k', 'aac-128k']);
    await after.close();
  });
});

describe('a restart between the renditions', () => {
  it('goes on with those that are missing', async () => {
    const before = await startServer({ CONCURRENCY: '1', ...DEFAULT_LADDER });
    await upload(before.url, { name: 'long.mp3', bytes: await longMp3(2) }, '');
    await until(async () => {
      const times = await storedAt(before, 'long.mp3');
      expect(times.get('aac-64k')?.others.length).toBeGreaterThan(3);
    });
    await before.close();
    const stored = await storedAt(before, 'long.mp3');
    const after = await startServer({ DATA_DIR: before.dataDir, ...DEFAULT_LADDER });
    await settled(after.url, 'long.mp3');
    const now = await storedAt(after, 'long.mp3');
    // What was there is what it was.
    for (const [id, { first, others }] of stored) {
      expect(now.get(id)?.first).toBe(first);
      expect(now.get(id)?.others).toEqual(expect.arrayContaining(others));
    }
    expect(now.get('aac-64k')?.others.length).toBe(now.get('aac-128k')?.others.length);
    await after.close();
  });
});
