/** Chromium's own decoder: init + all segments give exactly N samples, each where it was in the source. */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, lagAt, noise } from '../support/audio.ts';
import { decodeInBrowser, openPage } from '../support/browser.ts';
import { getManifest, upload } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
let page: Page;
beforeAll(async () => {
  server = await startServer({ SEGMENT_SECONDS: '1' });
  page = await openPage(`${server.url}/healthz`);
});

async function expectExact(file: string, source: ReturnType<typeof noise>): Promise<void> {
  const { status, body } = await upload(server.url, file);
  expect(status).toBe(201);
  const manifest = await getManifest(server.url, body);
  const urls = [manifest.initUrl, ...manifest.segments.map(({ url }) => url)];
  const decoded = await decodeInBrowser(page, urls, body.sampleRate);
  const samples = source.pcm.length / source.channels;
  expect(decoded.length).toBe(samples);
  const reference = source.pcm.filter((_sample, at) => at % source.channels === 0);
  if (samples < 4000) return;
  for (const { start } of manifest.segments) {
    const at = Math.max(0, Math.min(start, samples - 1600));
    expect(lagAt(decoded, reference, at), `at sample ${at}`).toBe(0);
  }
}

describe('N samples at lag 0', () => {
  it.each([1, 500, 1024, 3000])('for %i samples', async (samples) => {
    await expectExact(
      await audioFile('short.wav', noise({ samples, seed: samples })),
      noise({ samples, seed: samples }),
    );
  });

  const segment = 43 * 1024;
  it.each([-1, 0, 1, 11_024, 11_025].flatMap((more) => [segment - 1024 + more, 3 * segment - 1024 + more]))(
    'for %i samples, around a boundary',
    async (samples) => {
      const sound = noise({ samples, seed: samples });
      await expectExact(await audioFile('boundary.wav', sound), sound);
    },
  );

  // Five seconds: the edit list of an M4A counts milliseconds.
  it.each(['lame.mp3', 'plain.flac', 'aac.m4a', 'vorbis.ogg'])('for %s', async (name) => {
    const sound = noise({ samples: 220_500, channels: 2, seed: 8 });
    await expectExact(await audioFile(name, sound, ['-b:a', '256k']), sound);
  });

  it('for 8 kHz', async () => {
    const sound = noise({ samples: 40_000, sampleRate: 8000, seed: 5 });
    await expectExact(await audioFile('telephone.wav', sound), sound);
  });
});
