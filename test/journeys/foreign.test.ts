/** Files as others make them: what they hold is what the listener gets, whatever they say of themselves. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readAdtsHeader } from '../../src/source/mpeg-frame.ts';
import { audioFile, decode, noise } from '../support/audio.ts';
import { getManifest, getTrack, settled, upload } from '../support/client.ts';
import { flacParts, numberedBySamples, withComments, withTotalSamples } from '../support/flac.ts';
import { id3 } from '../support/hostile.ts';
import { lagAt } from '../support/lag.ts';
import { decodeTrack, expectOnTimeline } from '../support/on-timeline.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SAMPLES = 3 * 44_100;
/** Samples in a frame of ffmpeg's FLAC encoder at 44.1 kHz. */
const FLAC_BLOCK = 4608;
const ENV = { KEEP_ORIGINALS: 'true', SEGMENT_SECONDS: '1' };
const sound = noise({ samples: SAMPLES, seed: 31 });
const garbage = Buffer.from(Array.from({ length: 100_000 }, (_, n) => [0xde, 0xad, 0xbe, 0xef][n % 4] ?? 0));

let server: TestServer;
let flac: Buffer;
let mp3: Buffer;
let adts: Buffer;
beforeAll(async () => {
  const [running, ...files] = await Promise.all([
    startServer(ENV),
    audioFile('a.flac', sound),
    audioFile('a.mp3', sound, ['-b:a', '64k', '-write_xing', '0', '-id3v2_version', '0']),
    audioFile('a.aac', sound),
  ]);
  server = running;
  [flac, mp3, adts] = (await Promise.all(files.map((file) => readFile(file)))) as [Buffer, Buffer, Buffer];
});

/** The track of an upload, once it is found to play what `expected` holds, to its end. */
async function played(name: string, bytes: Buffer, expected: Int16Array, samples = expected.length) {
  const { status, body } = await upload(server.url, { name, bytes });
  expect([status, body.detail]).toEqual([201, undefined]);
  expect(body.samples).toBe(samples);
  await expectPlayed(body, expected);
  return body;
}

async function expectPlayed(track: { manifestUrl: string | null; samples: number }, expected: Int16Array) {
  const manifest = await getManifest(server.url, track);
  await expectOnTimeline(manifest, track.samples);
  const actual = await decodeTrack(manifest);
  expect(actual.length).toBeGreaterThanOrEqual(track.samples);
  for (const at of [3000, track.samples >> 1, track.samples - 3000]) {
    expect(lagAt(actual, expected, at), `at sample ${at}`).toBe(0);
  }
}

describe('a file that does not begin with its audio', () => {
  it('FLAC without its header, as a recording has that begins in the middle', async () => {
    const { frames } = flacParts(flac);
    const expected = sound.pcm.subarray(10 * FLAC_BLOCK);
    expect(frames.length).toBe(Math.ceil(SAMPLES / FLAC_BLOCK));
    await played('headless.flac', Buffer.concat(frames.slice(10)), expected);
  });

  it('FLAC frames behind bytes that mean nothing', async () => {
    const { frames } = flacParts(flac);
    await played('behind.flac', Buffer.concat([garbage.subarray(0, 895), ...frames]), sound.pcm);
  });

  it('MP3 behind 100 kB of garbage, which ffmpeg takes for speech', async () => {
    const file = path.join(server.dataDir, 'plain.mp3');
    await writeFile(file, mp3);
    const expected = await decode(file);
    const track = await played('behind.mp3', Buffer.concat([garbage, mp3]), expected);
    expect([track.source.container, track.source.codec]).toEqual(['mp3', 'mp3']);
  });

  it('two frames of ADTS behind junk, behind an ID3 tag', async () => {
    const frameBytes = (at: number) => readAdtsHeader(adts, at)?.bytes ?? 0;
    const second = frameBytes(0) + frameBytes(frameBytes(0));
    const bytes = Buffer.concat([id3(), garbage.subarray(0, 4), adts.subarray(0, second)]);
    const { status, body } = await upload(server.url, { name: 'behind.aac', bytes });
    expect([status, body.samples]).toEqual([201, 2048]);
    await expectOnTimeline(await getManifest(server.url, body), 2048);
  });

  it('is encoded from its copy also when it is repaired later', async () => {
    const name = 'behind.flac';
    const folder = path.join(server.dataDir, 'segments', name);
    const [, last = ''] = (await readdir(folder)).filter((file) => !file.includes('init')).sort();
    await writeFile(path.join(folder, last), '');
    // A server that has it in no cache.
    await server.close();
    server = await startServer({ ...ENV, DATA_DIR: server.dataDir });
    await expectPlayed(await getTrack(server.url, name), sound.pcm);
    expect((await settled(server.url, name)).status).toBe('ready');
  });
});

describe('a file that says something else than it holds', () => {
  it('FLAC whose time stamps make hours of seconds', async () => {
    const bytes = numberedBySamples(flacParts(flac), FLAC_BLOCK);
    const track = await played('old.flac', bytes, sound.pcm);
    expect(track.declaredSeconds).toBeUndefined();
  });

  it('FLAC that declares ten times its length', async () => {
    const track = await played('long.flac', withTotalSamples(flac, 10 * SAMPLES), sound.pcm);
    expect(track.declaredSeconds).toBe(30);
    expect(track.truncated).toEqual({ declaredSeconds: 30, seconds: 3 });
  });

  it('FLAC that declares a third of its length', async () => {
    const track = await played('short.flac', withTotalSamples(flac, SAMPLES / 3), sound.pcm);
    expect(track.declaredSeconds).toBe(1);
    expect(track.truncated).toBeUndefined();
  });

  it('MP3 whose header counts half of its frames', async () => {
    const file = await audioFile('vbr.mp3', sound, ['-q:a', '4']);
    const expected = await decode(file);
    const bytes = await readFile(file);
    const frames = bytes.indexOf('Xing') + 8;
    bytes.writeUInt32BE(Math.floor(bytes.readUInt32BE(frames) / 2), frames);
    // ffmpeg does not cut the padding off where the header does not tell where it is.
    const { status, body } = await upload(server.url, { name: 'half.mp3', bytes });
    expect(status).toBe(201);
    expect(body.samples - SAMPLES).toBeGreaterThanOrEqual(0);
    expect(body.samples - SAMPLES).toBeLessThan(2 * 1152);
    expect(body.declaredSeconds).toBeCloseTo(1.5, 1);
    await expectPlayed(body, expected);
  });

  it('is encoded to its end where that is seen only as it ends, and what was declared is told', async () => {
    const { body } = await upload(server.url, { name: 'late.wav', bytes: await wavOf(5) });
    await server.close();
    // As a larger file is, whose end is not decoded before it is playable.
    const record = path.join(server.dataDir, 'manifests', body.filename, 'track.json');
    const track = JSON.parse(await readFile(record, 'utf8'));
    const half = { ...track, status: 'processing', samples: SAMPLES / 2, isEndKnown: false };
    await writeFile(record, JSON.stringify(half));
    server = await startServer({ ...ENV, DATA_DIR: server.dataDir });
    const now = await settled(server.url, body.filename);
    expect([now.samples, now.declaredSeconds, now.truncated]).toEqual([SAMPLES, 1.5, undefined]);
    await expectPlayed(now, noise({ samples: SAMPLES, seed: 5 }).pcm);
    expect(server.services.governor.usage()).toMatchObject({ probes: 0, endChecks: 0, diskBytes: 0 });
  });
});

async function wavOf(seed: number): Promise<Buffer> {
  return readFile(await audioFile('late.wav', noise({ samples: SAMPLES, seed })));
}

it('is refused at once where it has more comments than can be read in time', async () => {
  const bytes = withComments(flacParts(flac), 300_000);
  const { status, body } = await upload(server.url, { name: 'comments.flac', bytes });
  expect([status, body.code]).toEqual([415, 'unsupported_media']);
  expect(body.detail).toContain('300000 comments');
});
