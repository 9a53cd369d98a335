/** Damaged sources stay on the grid as well, and so do lengths around every boundary. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, noise, type Sound, wav } from '../support/audio.ts';
import { getManifest, upload } from '../support/client.ts';
import { DAMAGES } from '../support/damage.ts';
import { temporaryFolder } from '../support/folders.ts';
import { decodeTrack, expectInPlace, expectOnTimeline } from '../support/on-timeline.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

describe('damaged sources stay on the grid', () => {
  const sound = noise({ samples: 9 * 44_100, seed: 12 });
  for (const extension of ['mp3', 'aac', 'ogg']) {
    it.each(Object.entries(DAMAGES))(`${extension}: %s`, async (name, damage) => {
      const whole = await readFile(await audioFile(`whole.${extension}`, sound, ['-b:a', '128k']));
      const folder = await temporaryFolder();
      const file = path.join(folder, `${name.replaceAll(' ', '-')}.${extension}`);
      await writeFile(file, damage(whole));
      const { status, body } = await upload(server.url, file);
      expect(status, body.detail).toBe(201);
      const manifest = await getManifest(server.url, body);
      await expectOnTimeline(manifest, body.samples);
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
    await expectOnTimeline(manifest, body.samples);
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
    await expectOnTimeline(await getManifest(server.url, body), samples);
  });
});
