/** Damaged sources stay on the timeline as well, and so do lengths at a boundary. */
import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, noise, type Sound, wav } from '../support/audio.ts';
import { getManifest, upload } from '../support/client.ts';
import { expectInPlace, expectOnTimeline } from '../support/on-timeline.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

describe('damaged sources stay on the timeline', () => {
  const sound = noise({ samples: 9 * 44_100, seed: 12 });
  // Other damages are in `browser/decode`.
  it('a file whose last packet is cut off ends where it ends', async () => {
    const whole = await readFile(await audioFile('whole.flac', sound));
    const cut = { name: 'cut.flac', bytes: whole.subarray(0, Math.round(whole.length * 0.6)) };
    const { status, body } = await upload(server.url, cut);
    expect(status).toBe(201);
    expect(body.samples).toBeLessThan(sound.pcm.length * 0.65);
    const manifest = await getManifest(server.url, body);
    await expectOnTimeline(manifest, body.samples);
    await expectInPlace(manifest, sound.pcm.subarray(0, body.samples));
  });
});

describe('lengths', () => {
  // One segment, and two of which the second is as short as it can be; all others are in `encoding/encode-range`.
  it.each([1, 2 * 172 * 1024 - 1024 + 11_025])('%i samples', async (samples) => {
    const sound: Sound = noise({ samples, seed: samples });
    const { status, body } = await upload(server.url, { name: `n${samples}.wav`, bytes: wav(sound) });
    expect(status).toBe(201);
    expect(body.samples).toBe(samples);
    await expectOnTimeline(await getManifest(server.url, body), samples);
  });
});
