/**
 * Whatever the source, its segments lie on the timeline: each starts exactly where the manifest says, the times add up to
 * N, and what is heard there is what the source has there.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, ffmpeg, noise, wav } from '../support/audio.ts';
import { getManifest, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { expectInPlace, expectOnTimeline, referenceOf } from '../support/on-timeline.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

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
    await expectOnTimeline(manifest, body.samples);
    await expectInPlace(manifest, await referenceOf(file, expectedRate));
  });
});

// Formats are in `encoding/encode-range` and, as browsers decode them, in `browser/decode`.
describe('sources of more than one stream or two channels', () => {
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
