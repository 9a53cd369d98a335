/** dash.js in Chromium, gap jumping off: what is missing or out of place by a sample stalls it, and the test with it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { longMp3, noise, wav } from '../support/audio.ts';
import { openPage } from '../support/browser.ts';
import { upload } from '../support/client.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

interface Played {
  ended: boolean;
  duration: number;
  /** The furthest that was played, in seconds. */
  reached: number;
  /** Ranges that the whole track made in the buffer. */
  buffered: [number, number][];
  stalls: number;
  errors: string[];
}

async function openPlayer(manifestUrl: string): Promise<Page> {
  const page = await openPage(new URL('/healthz', manifestUrl).href);
  const script = await readFile(createRequire(import.meta.url).resolve('dashjs'), 'utf8');
  await page.addScriptTag({ content: script });
  await page.evaluate((url) => {
    const audio = document.createElement('audio');
    document.body.append(audio);
    const { MediaPlayer } = (window as unknown as { dashjs: typeof import('dashjs') }).dashjs;
    const player = MediaPlayer().create();
    player.updateSettings({
      streaming: {
        gaps: { jumpGaps: false, jumpLargeGaps: false },
        buffer: { bufferTimeDefault: 60, bufferTimeAtTopQuality: 60 },
      },
    });
    const state = { errors: [] as string[], stalls: 0 };
    player.on(MediaPlayer.events.ERROR, (event) => state.errors.push(JSON.stringify(event)));
    player.initialize(audio, url, false);
    // Filling the buffer after a seek is no stall; running dry while it plays is. Waiting with audio in the buffer is a
    // slow machine, and at the end it is dash.js that seeks there.
    let playedFrom = Number.POSITIVE_INFINITY;
    audio.addEventListener('seeking', () => {
      playedFrom = Number.POSITIVE_INFINITY;
    });
    audio.addEventListener('playing', () => {
      playedFrom = audio.currentTime;
    });
    audio.addEventListener('waiting', () => {
      const { buffered, currentTime, duration, seeking } = audio;
      const ahead = buffered.length > 0 ? buffered.end(buffered.length - 1) - currentTime : 0;
      if (!seeking && currentTime > playedFrom && ahead < 0.2 && duration - currentTime > 0.1) state.stalls++;
    });
    Object.assign(window, { audio, player, state });
  }, manifestUrl);
  return page;
}

/** Plays from `from` on until the end, or until nothing moves any more. */
async function playToEnd(page: Page, from = 0, rate = 1): Promise<Played> {
  return page.evaluate(
    async ({ from, rate }) => {
      const { audio, player, state } = window as unknown as {
        audio: HTMLAudioElement;
        player: import('dashjs').MediaPlayerClass;
        state: { errors: string[]; stalls: number };
      };
      const happens = (name: string) =>
        new Promise((resolve) => audio.addEventListener(name, resolve, { once: true }));
      if (audio.readyState < 1) await happens('loadedmetadata');
      if (from > 0) {
        audio.currentTime = from;
        await happens('seeked');
      }
      audio.playbackRate = rate;
      // dash.js's own event: five times a second it looks whether the end is reached, and when it is first it pauses
      // and seeks, so that the element's `ended` never comes.
      let reached = 0;
      const ended = new Promise<boolean>((resolve) => {
        player.on('playbackEnded', () => {
          reached = Math.max(reached, audio.currentTime);
          resolve(true);
        });
      });
      await audio.play();
      const timedOut = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 25_000));
      const isEnded = await Promise.race([ended, timedOut]);
      const buffered: [number, number][] = [];
      for (let n = 0; n < audio.buffered.length; n++)
        buffered.push([audio.buffered.start(n), audio.buffered.end(n)]);
      return {
        ended: isEnded,
        duration: audio.duration,
        reached,
        buffered,
        ...state,
      };
    },
    { from, rate },
  );
}

/** Seeks, and resolves with where it then is: once there is sound to play. */
async function seekTo(page: Page, target: number): Promise<number> {
  return page.evaluate(async (target) => {
    const { audio } = window as unknown as { audio: HTMLAudioElement };
    const happens = (name: string) =>
      new Promise((resolve) => audio.addEventListener(name, resolve, { once: true }));
    if (audio.readyState < 1) await happens('loadedmetadata');
    const seeked = happens('seeked');
    audio.currentTime = target;
    await seeked;
    return audio.currentTime;
  }, target);
}

async function track(samples: number) {
  const { status, body } = await upload(server.url, {
    name: `n${samples}.wav`,
    bytes: wav(noise({ samples, seed: samples % 1000 })),
  });
  expect([200, 201]).toContain(status);
  return { manifestUrl: server.url + body.manifestUrl, seconds: body.durationSeconds };
}

function expectPlayed(played: Played, seconds: number): void {
  expect(played.errors).toEqual([]);
  expect(played.ended).toBe(true);
  expect(played.stalls).toBe(0);
  expect(played.duration).toBeCloseTo(seconds, 2);
  expect(played.reached).toBeCloseTo(seconds, 2);
}

describe('dash.js', () => {
  it('plays a track from 0 to its end in one unbroken range', async () => {
    const { manifestUrl, seconds } = await track(420_000);
    const page = await openPlayer(manifestUrl);
    const played = await playToEnd(page);
    expectPlayed(played, seconds);
    expect(played.buffered).toHaveLength(1);
    expect(played.buffered[0]?.[0]).toBe(0);
    expect(played.buffered[0]?.[1]).toBeCloseTo(seconds, 2);
    await page.close();
  });

  it('plays on to the end after seeks to and fro', async () => {
    const { manifestUrl, seconds } = await track(1_300_000);
    const page = await openPlayer(manifestUrl);
    for (const from of [20, 3.99, 12.5, 0.01]) {
      expect(await seekTo(page, from)).toBeCloseTo(from, 2);
    }
    expectPlayed(await playToEnd(page, seconds - 5.5), seconds);
    await page.close();
  });

  it.each([
    172 * 1024 - 1024,
    172 * 1024 - 1023,
    172 * 1024 + 10_001,
    2 * 172 * 1024 - 1024 + 11_025,
    3000,
    500,
  ])('reaches the end of %i samples', async (samples) => {
    const { manifestUrl, seconds } = await track(samples);
    const page = await openPlayer(manifestUrl);
    expectPlayed(await playToEnd(page, Math.max(0, seconds - 1.5)), seconds);
    await page.close();
  });
});

describe('dash.js, while the track is being encoded', () => {
  it('plays at once, from 0 to the end without a stall, with an encode at twice real time', async () => {
    const slow = await startServer({ FFMPEG_PATH: await slowFfmpeg(2) });
    const bytes = wav(noise({ samples: 13 * 44_100, seed: 41 }));
    const { status, body } = await upload(slow.url, { name: 'slow.wav', bytes }, '');
    expect([status, body.status]).toEqual([201, 'processing']);
    const page = await openPlayer(slow.url + body.manifestUrl);
    const played = await playToEnd(page);
    expectPlayed(played, body.durationSeconds);
    expect(played.buffered).toHaveLength(1);
    await page.close();
    await slow.close();
  });

  it('plays on to the end after ten far seeks at random', async () => {
    const { status, body } = await upload(server.url, { name: 'long.mp3', bytes: await longMp3(10) }, '');
    expect([status, body.status]).toEqual([201, 'processing']);
    const page = await openPlayer(server.url + body.manifestUrl);
    for (const part of [0.83, 0.12, 0.97, 0.41, 0.66, 0.05, 0.74, 0.29, 0.9, 0.55]) {
      const target = body.durationSeconds * part;
      expect(await seekTo(page, target)).toBeCloseTo(target, 1);
    }
    const played = await playToEnd(page, body.durationSeconds - 6);
    expectPlayed(played, body.durationSeconds);
    await page.close();
  });
});
