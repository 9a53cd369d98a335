/** The analysis of an uploaded track, as clients see it. */
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import WaveformData from 'waveform-data';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';
import { audioFile, longMp3, noise, wav } from '../support/audio.ts';
import { getTrack, type Problem, request, until, upload } from '../support/client.ts';
import { listen } from '../support/listening.ts';
import { startServer, type TestServer } from '../support/server.ts';

const SECOND = 44_100;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ ANALYSIS: 'true' });
});

const analysed = (name: string, { url } = server): Promise<TrackView> =>
  until(async () => {
    const track = await getTrack(url, name);
    expect(track.analysis).toBe('done');
    return track;
  });

/** A second of noise, one without, a second of noise. */
function withPause(seed: number) {
  const sound = noise({ samples: 3 * SECOND, channels: 2, seed });
  sound.pcm.fill(0, 2 * SECOND, 4 * SECOND);
  return sound;
}

describe('a track that is ready', () => {
  it('is analysed, and its original is removed after that', async () => {
    const { body } = await upload(server.url, { name: 'pause.wav', bytes: wav(withPause(1)) });
    expect(body).toMatchObject({ analysis: 'pending', loudness: null, replayGain: null, waveformUrl: null });
    const track = await analysed('pause.wav');
    const { loudness, replayGain } = track;
    expect(loudness?.integratedLufs).toBeLessThan(0);
    expect(replayGain?.trackGainDb).toBeCloseTo(-18 - (loudness?.integratedLufs ?? 0), 1);
    expect(replayGain).toMatchObject({ albumGainDb: null, albumPeak: null });
    expect(await readdir(path.join(server.dataDir, 'uploads'))).toEqual([]);
    const { services } = server;
    const record = await services.library.get('pause.wav');
    expect(record).toMatchObject({ upload: null, analysis: { status: 'done', from: 'original' } });
    const segments = await services.storage.listSegments('pause.wav');
    expect(track.storedBytes).toBe(segments.reduce((sum, { bytes }) => sum + bytes, 0));
  });

  it.each(['/files', '/stream'])('has its waveform and pauses below %s', async (place) => {
    await upload(server.url, { name: 'pause.wav', bytes: wav(withPause(1)) });
    await analysed('pause.wav');
    const base = `${server.url}${place}/pause.wav`;
    const binary = await fetch(`${base}/waveform.dat`);
    expect(binary.status).toBe(200);
    const bytes = await binary.arrayBuffer();
    const waveform = WaveformData.create(bytes);
    expect(waveform).toMatchObject({ sample_rate: SECOND, scale: 441, length: 300, bits: 8, channels: 1 });
    expect(Math.max(...waveform.channel(0).max_array().slice(101, 199))).toBe(0);
    expect(Math.max(...waveform.channel(0).max_array().slice(0, 99))).toBeGreaterThan(10);
    const { body: json } = await request<Parameters<typeof WaveformData.create>[0]>(
      `${base}/waveform.json?pixels_per_second=20`,
    );
    expect(WaveformData.create(json)).toMatchObject({ scale: 2205, length: 60 });
    expect((await request(`${base}/pauses`)).body).toEqual({ pauses: [[1, 2]] });
    const again = await fetch(`${base}/waveform.dat`, {
      headers: { 'if-none-match': binary.headers.get('etag') ?? '' },
    });
    expect(again.status).toBe(304);
    expect((await request(`${base}/waveform.dat?pixels_per_second=50`)).status).toBe(400);
  });

  it('tells what is missing until it is analysed', async () => {
    const { services, url } = server;
    await upload(url, { name: 'old.wav', bytes: wav(noise({ samples: SECOND, seed: 3 })) });
    await analysed('old.wav');
    const set = (analysis: 'pending' | null) =>
      services.library.update('old.wav', (track) => ({
        ...track,
        analysis: analysis && { status: analysis, from: null, loudness: null },
      }));
    const codes = async () => {
      const answers = ['waveform.dat', 'waveform.json', 'pauses'].map((name) =>
        request<Problem>(`${url}/stream/old.wav/${name}`),
      );
      return (await Promise.all(answers)).map(({ status, body }) => `${status} ${body.code}`);
    };
    await set(null);
    expect(await codes()).toEqual(Array(3).fill('404 not_analysed'));
    expect(await getTrack(url, 'old.wav')).toMatchObject({ analysis: null, waveformUrl: null });
    await set('pending');
    expect(await codes()).toEqual(Array(3).fill('404 analysis_pending'));
  });
});

describe('the gain of an album', () => {
  it('is that of its tracks together, and follows them', async () => {
    const { services, url } = server;
    const quiet = noise({ samples: 2 * SECOND, channels: 2, seed: 5 });
    const loud = noise({ samples: 4 * SECOND, channels: 2, seed: 6 });
    quiet.pcm.forEach((sample, at) => {
      quiet.pcm[at] = sample / 8;
    });
    for (const [name, sound] of Object.entries({ 'quiet.wav': quiet, 'loud.wav': loud })) {
      await upload(url, { name, bytes: wav(sound) });
      await analysed(name);
      await services.library.update(name, (track) => ({
        ...track,
        tags: { album: 'Homogenic', artist: 'Björk' },
      }));
    }
    const [one, other] = [await getTrack(url, 'quiet.wav'), await getTrack(url, 'loud.wav')];
    const energy = (track: TrackView) => 10 ** ((track.loudness?.integratedLufs ?? 0) / 10);
    const album = 10 * Math.log10((2 * energy(one) + 4 * energy(other)) / 6);
    for (const { replayGain } of [one, other]) {
      expect(replayGain?.albumGainDb).toBeCloseTo(-18 - album, 1);
      expect(replayGain?.albumPeak).toBe(other.replayGain?.trackPeak);
    }
    const { body: list } = await request<TrackView[]>(`${url}/files`);
    expect(list.find(({ name }) => name === 'quiet.wav')?.replayGain).toEqual(one.replayGain);
    await request(`${url}/files/loud.wav`, { method: 'DELETE' });
    const { replayGain } = await getTrack(url, 'quiet.wav');
    expect(replayGain?.albumGainDb).toBe(replayGain?.trackGainDb);
  });
});

describe('without its original', () => {
  it('a track is analysed from its best rendition', async () => {
    const own = await startServer({ ANALYSIS: 'true', AUDIO_LADDER: 'aac@64k,aac@128k' });
    await upload(own.url, { name: 'pause.wav', bytes: wav(withPause(7)) });
    const before = await analysed('pause.wav', own);
    await own.services.library.update('pause.wav', (track) => ({
      ...track,
      analysis: { status: 'pending', from: null, loudness: null },
    }));
    own.services.trackEvents.changed('pause.wav');
    const after = await analysed('pause.wav', own);
    expect((await own.services.library.get('pause.wav'))?.analysis?.from).toBe('aac-128k');
    const change = (after.loudness?.integratedLufs ?? 0) - (before.loudness?.integratedLufs ?? 0);
    // The encoder leaves out the highest part of noise.
    expect(Math.abs(change)).toBeLessThan(2);
    const { body } = await request<{ pauses: number[][] }>(`${own.url}/files/pause.wav/pauses`);
    expect(body.pauses).toHaveLength(1);
    expect(body.pauses[0]?.[0]).toBeCloseTo(1, 1);
  });

  it('a track that lacks a segment is not analysed', async () => {
    const own = await startServer({ ANALYSIS: 'true' });
    await upload(own.url, { name: 'gone.wav', bytes: wav(noise({ samples: 9 * SECOND, seed: 9 })) });
    await analysed('gone.wav', own);
    const { library, storage, trackEvents } = own.services;
    const [segment] = (await storage.listSegments('gone.wav')).filter(({ name }) => name.endsWith('1.m4s'));
    await storage.removeSegment('gone.wav', segment?.name ?? '');
    await rm(path.join(own.dataDir, 'manifests', 'gone.wav', 'waveform-100.dat'));
    await library.update('gone.wav', (track) => ({
      ...track,
      analysis: { status: 'pending', from: null, loudness: null },
    }));
    trackEvents.changed('gone.wav');
    await until(async () => expect((await getTrack(own.url, 'gone.wav')).analysis).toBe('failed'));
    const { body } = await request<Problem>(`${own.url}/files/gone.wav/waveform.dat`);
    expect(body.code).toBe('not_analysed');
  });
});

describe('while a track is analysed', () => {
  it('its waveform grows in events, for those who come late as well', async () => {
    const { events, leave } = await listen(`${server.url}/events`);
    await upload(server.url, { name: 'long.mp3', bytes: await longMp3(3) });
    const deltas = () => events.filter(({ event }) => event === 'waveform');
    await until(() => expect(deltas().length).toBeGreaterThan(0));
    const late = await listen(`${server.url}/events`);
    await analysed('long.mp3');
    for (const { event, data } of late.events)
      if (event === 'waveform') expect(data).toMatchObject({ pixelsPerSecond: 5 });
    expect(late.events.find(({ event }) => event === 'waveform')?.data).toMatchObject({ offset: 0 });
    late.leave();
    let expected = 0;
    const values: number[] = [];
    for (const { data } of deltas()) {
      const {
        filename,
        offset,
        data: pixels,
      } = data as unknown as { filename: string; offset: number; data: number[] };
      expect([filename, offset]).toEqual(['long.mp3', expected]);
      expected += pixels.length / 2;
      values.push(...pixels);
    }
    const whole = await fetch(`${server.url}/files/long.mp3/waveform.dat?pixels_per_second=5`);
    const stored = new Int8Array((await whole.arrayBuffer()).slice(24));
    expect(values).toEqual([...stored.slice(0, values.length)]);
    leave();
  });

  it('it can be deleted at once, and nothing of it is written after that', async () => {
    const { events, leave } = await listen(`${server.url}/events`);
    await upload(server.url, { name: 'gone.mp3', bytes: await longMp3(4) });
    await until(() =>
      expect(events.some(({ event, data }) => event === 'waveform' && data.filename === 'gone.mp3')).toBe(
        true,
      ),
    );
    const { status } = await request(`${server.url}/files/gone.mp3`, { method: 'DELETE' });
    expect(status).toBe(204);
    leave();
    expect(await readdir(path.join(server.dataDir, 'manifests'))).not.toContain('gone.mp3');
    expect(await readdir(path.join(server.dataDir, 'uploads'))).toEqual([]);
    // The next one has its turn.
    await upload(server.url, { name: 'next.wav', bytes: wav(noise({ samples: SECOND, seed: 11 })) });
    await analysed('next.wav');
  });

  it('the server can stop, and the next start goes on', async () => {
    const own = await startServer({ ANALYSIS: 'true' });
    const { events } = await listen(`${own.url}/events`);
    await upload(own.url, { name: 'stop.mp3', bytes: await longMp3(5) });
    await until(() => expect(events.some(({ event }) => event === 'waveform')).toBe(true));
    await own.close();
    const next = await startServer({ ANALYSIS: 'true', DATA_DIR: own.dataDir });
    expect((await next.services.library.get('stop.mp3'))?.analysis?.status).toBe('pending');
    const { loudness } = await analysed('stop.mp3', next);
    expect(loudness?.integratedLufs).toBeLessThan(0);
    expect(await readdir(path.join(own.dataDir, 'uploads'))).toEqual([]);
  });
});

it('a file whose format changes midway is analysed as it is heard', async () => {
  const mono = await audioFile('one.mp3', noise({ samples: 2 * SECOND, channels: 1, seed: 20 }), [
    '-write_xing',
    '0',
  ]);
  const stereo = await audioFile('two.mp3', noise({ samples: 2 * SECOND, channels: 2, seed: 21 }), [
    '-write_xing',
    '0',
  ]);
  const bytes = Buffer.concat([await readFile(mono), await readFile(stereo)]);
  const { body } = await upload(server.url, { name: 'mixed.mp3', bytes });
  expect(body.status).toBe('ready');
  await analysed('mixed.mp3');
  expect((await server.services.library.get('mixed.mp3'))?.analysis?.from).toBe('aac-128k');
});
