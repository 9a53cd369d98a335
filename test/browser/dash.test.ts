/** dash.js in Chromium, gap jumping off: what is missing or out of place by a sample stalls it, and the test with it. */
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { longMp3, noise, wav } from '../support/audio.ts';
import { upload } from '../support/client.ts';
import { openPlayer, type Played, type PlayerPage, playToEnd, type Stream } from '../support/players.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

/** Seeks, and resolves with where it then is: once there is sound to play. */
async function seekTo(page: Page, target: number): Promise<number> {
  return page.evaluate(async (target) => {
    const { audio, driver } = window as unknown as PlayerPage;
    await driver.goTo(target);
    return audio.currentTime;
  }, target);
}

function streamOf({ url }: TestServer, track: { manifestUrl: string | null; hlsUrl: string | null }): Stream {
  return { manifestUrl: url + track.manifestUrl, hlsUrl: url + track.hlsUrl };
}

function expectPlayed(played: Played, seconds: number): void {
  expect(played.errors).toEqual([]);
  expect(played.ended).toBe(true);
  expect(played.stalls).toBe(0);
  expect(played.duration).toBeCloseTo(seconds, 2);
  expect(played.reached).toBeCloseTo(seconds, 2);
}

describe('dash.js', () => {
  it('plays on to the end after seeks to and fro', async () => {
    const bytes = wav(noise({ samples: 1_300_000 }));
    const { body } = await upload(server.url, { name: 'seeks.wav', bytes });
    const page = await openPlayer('dash.js', streamOf(server, body));
    for (const from of [20, 3.99, 12.5, 0.01]) {
      expect(await seekTo(page, from)).toBeCloseTo(from, 2);
    }
    expectPlayed(await playToEnd(page, body.durationSeconds - 5.5), body.durationSeconds);
    await page.close();
  });
});

describe('dash.js, while the track is being encoded', () => {
  it('plays at once, from 0 to the end without a stall, with an encode at twice real time', async () => {
    const slow = await startServer({ FFMPEG_PATH: await slowFfmpeg(2) });
    const bytes = wav(noise({ samples: 13 * 44_100, seed: 41 }));
    const { status, body } = await upload(slow.url, { name: 'slow.wav', bytes }, '');
    expect([status, body.status]).toEqual([201, 'processing']);
    const page = await openPlayer('dash.js', streamOf(slow, body));
    const played = await playToEnd(page);
    expectPlayed(played, body.durationSeconds);
    expect(played.buffered).toHaveLength(1);
    await page.close();
    await slow.close();
  });

  it('plays on to the end after ten far seeks at random', async () => {
    const { status, body } = await upload(server.url, { name: 'long.mp3', bytes: await longMp3(7) }, '');
    expect([status, body.status]).toEqual([201, 'processing']);
    const page = await openPlayer('dash.js', streamOf(server, body));
    for (const part of [0.83, 0.12, 0.97, 0.41, 0.66, 0.05, 0.74, 0.29, 0.9, 0.55]) {
      const target = body.durationSeconds * part;
      expect(await seekTo(page, target)).toBeCloseTo(target, 1);
    }
    const played = await playToEnd(page, body.durationSeconds - 6);
    expectPlayed(played, body.durationSeconds);
    await page.close();
  });
});
