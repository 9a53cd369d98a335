/** Players in the middle of a track that is being encoded go on by their own retries over a hard kill of the server. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { noise, wav } from '../support/audio.ts';
import { settled, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { openPlayer, type PlayerPage, playToEnd } from '../support/players.ts';
import { startProcess } from '../support/process.ts';
import { haltingFfmpeg } from '../support/slow-ffmpeg.ts';

const SECONDS = 8;
const SAMPLES = SECONDS * 44_100;

it('dash.js and hls.js play on to the end', async () => {
  const dataDir = await temporaryFolder();
  const env = { DATA_DIR: dataDir, SEGMENT_SECONDS: '1', AUDIO_LADDER: 'aac@128k' };
  const serve = (more: Record<string, string>) =>
    startProcess([process.execPath, 'dist/server.js'], { ...env, ...more });
  // Most of it is still to come at the kill, and is waited for.
  const first = await serve({ FFMPEG_PATH: await haltingFfmpeg(60_000), CONCURRENCY: '1' });
  const bytes = wav(noise({ samples: SAMPLES, seed: 77 }));
  const { body } = await upload(first.url, { name: 'long.wav', bytes }, '');
  const stream = { manifestUrl: first.url + body.manifestUrl, hlsUrl: first.url + body.hlsUrl };

  const pages = await Promise.all([openPlayer('dash.js', stream), openPlayer('hls.js', stream)]);
  const played = pages.map((page) => playToEnd(page));
  await Promise.all(pages.map((page) => reached(page, 2)));
  const stored = await readdir(path.join(dataDir, 'segments', 'long.wav'));
  expect(stored.length).toBeLessThan(SECONDS);

  first.child.kill('SIGKILL');
  expect(await first.exited).toBe('SIGKILL');
  const second = await serve({ PORT: new URL(first.url).port });
  for (const { errors, ended, reached, duration, buffered } of await Promise.all(played)) {
    expect(errors).toEqual([]);
    expect(ended).toBe(true);
    expect(duration).toBeCloseTo(SECONDS, 3);
    expect(reached).toBeCloseTo(SECONDS, 3);
    expect(buffered).toHaveLength(1);
  }
  expect((await settled(second.url, 'long.wav')).status).toBe('ready');
  await Promise.all(pages.map((page) => page.close()));
});

async function reached(page: Page, seconds: number): Promise<void> {
  await page.waitForFunction(
    (wanted) => (window as unknown as PlayerPage).audio.currentTime >= wanted,
    seconds,
    // Not by frames: a page in the background has none.
    { polling: 100 },
  );
}
