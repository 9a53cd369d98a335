/** The page, used as a person uses it. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { audioFile, longMp3, noise, wav } from '../support/audio.ts';
import { openPage } from '../support/browser.ts';
import { settled, until, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { png } from '../support/pictures.ts';
import { DEFAULT_LADDER, startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

it('uploads a chosen file, shows how it gets on, plays it meanwhile, and seeks to its end', async () => {
  const page = await openPage(server.url);
  await page.getByText('Nothing here yet.').waitFor();
  const folder = await temporaryFolder();
  const long = path.join(folder, 'long.mp3');
  await writeFile(long, await longMp3(8));
  await page.setInputFiles('#file', long);
  // Playable long before it is encoded: the bar still moves as it plays.
  const bar = page.locator('[data-filename="long.mp3"] [role=progressbar]');
  await bar.waitFor();
  await page.getByRole('button', { name: 'Play long.mp3' }).click();
  await page.locator('#audio').evaluate(async (element) => {
    const audio = element as HTMLAudioElement;
    while (audio.currentTime < 0.5)
      await new Promise((resolve) => audio.addEventListener('timeupdate', resolve, { once: true }));
  });
  expect(await page.locator('#playing').textContent()).toBe('long.mp3');
  expect(await page.locator('[data-filename="long.mp3"]').getAttribute('data-status')).toBe('processing');
  const encoded = Number(await bar.getAttribute('aria-valuenow'));
  await until(async () => expect(Number(await bar.getAttribute('aria-valuenow'))).toBeGreaterThan(encoded));
  expect(await page.locator('#encoded span').count()).toBeGreaterThan(0);

  // To its end, which is not encoded yet.
  await page.locator('#audio').evaluate(async (element) => {
    const audio = element as HTMLAudioElement;
    audio.currentTime = audio.duration - 3;
    await new Promise((resolve) => audio.addEventListener('seeked', resolve, { once: true }));
  });
  expect(await page.locator('[data-filename="long.mp3"]').getAttribute('data-status')).toBe('processing');
  await page.locator('[data-filename="long.mp3"][data-status=ready]').waitFor();
  expect(await bar.count()).toBe(0);
  await page.close();
});

it('says that a file is encoded while it uploads', async () => {
  const page = await openPage(server.url);
  const network = await page.context().newCDPSession(page);
  // Half a megabyte in two seconds and a half.
  const limits = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 200_000 };
  await network.send('Network.emulateNetworkConditions', limits);
  const file = path.join(await temporaryFolder(), 'slow.wav');
  await writeFile(file, wav(noise({ samples: 250_000, seed: 78 })));
  await page.setInputFiles('#file', file);
  await page.locator('#uploads').getByText('encoded while it uploads').waitFor();
  await until(() => expect(server.services.governor.usage().earlyEncodes).toBe(1));
  await page.locator('[data-filename="slow.wav"][data-status=ready]').waitFor();
  expect(await page.locator('#uploads li').count()).toBe(0);
  expect(server.services.governor.usage().earlyEncodes).toBe(0);
  await page.close();
});

it('says in words what is wrong with a file', async () => {
  const page = await openPage(server.url);
  const text = path.join(await temporaryFolder(), 'notes.mp3');
  await writeFile(text, 'not a song, just words. '.repeat(100));
  await page.setInputFiles('#file', text);
  await page.getByText('This is not an audio file that can be read.').waitFor();
  await page.getByRole('button', { name: 'Dismiss notes.mp3' }).click();
  expect(await page.locator('#uploads li').count()).toBe(0);
  await page.close();
});

it('works by keyboard alone, and shows names as the text that they are', async () => {
  const page = await openPage(server.url);
  const folder = path.join(await temporaryFolder(), 'x');
  await mkdir(folder);
  const file = path.join(folder, '<img src=x onerror=alert(1)>.wav');
  await writeFile(file, wav(noise({ samples: 30_000, seed: 77 })));
  await page.setInputFiles('#file', file);
  const name = 'img-src-x-onerror-alert-1-.wav';
  await settledSoon(name);
  await page.getByRole('button', { name: `Play ${name}` }).waitFor();
  expect(await page.locator('main img').count()).toBe(0);

  await page.locator('#file').focus();
  for (let tabs = 0; tabs < 10; tabs++) {
    await page.keyboard.press('Tab');
    const label = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
    if (label === `Play ${name}`) break;
  }
  await page.keyboard.press('Enter');
  await page.locator('#player').waitFor({ state: 'visible' });
  expect(await page.locator('#playing').innerHTML()).toContain('&lt;img');

  page.on('dialog', (dialog) => void dialog.accept());
  await page.getByRole('button', { name: `Delete ${name}` }).click();
  await page.locator('#player').waitFor({ state: 'hidden' });
  await page.locator(`[data-filename="${name}"]`).waitFor({ state: 'detached' });
  await page.close();
});

describe('the quality', () => {
  let ladder: TestServer;
  beforeAll(async () => {
    ladder = await startServer({ SEGMENT_SECONDS: '1', ...DEFAULT_LADDER });
    const bytes = wav(noise({ samples: 80 * 44_100, channels: 2, seed: 78 }));
    expect((await upload(ladder.url, { name: 'ladder.wav', bytes })).status).toBe(201);
  });

  /** Ids of the renditions whose segments were asked for, since the last look. */
  const watch = (page: Page) => {
    let ids: string[] = [];
    page.on('request', (request) => {
      ids.push(...(/segment\/(aac-\d+k)-.*\.m4s$/.exec(request.url())?.slice(1) ?? []));
    });
    return () => {
      const seen = ids;
      ids = [];
      return seen;
    };
  };
  const moves = (page: Page) =>
    page.locator('#audio').evaluate(async (element) => {
      const audio = element as HTMLAudioElement;
      const from = audio.currentTime;
      while (audio.currentTime < from + 0.3)
        await new Promise((resolve) => audio.addEventListener('timeupdate', resolve, { once: true }));
      return audio.currentSrc;
    });

  it('is chosen by the player or by hand, and the page says what plays now', async () => {
    const page = await openPage(ladder.url);
    const asked = watch(page);
    await page.getByRole('button', { name: 'Play ladder.wav' }).click();
    await moves(page);
    expect(await page.locator('#quality option').allTextContents()).toEqual([
      'Auto',
      '64 kbit/s',
      '128 kbit/s',
      '256 kbit/s',
    ]);
    await page.getByText(/^\d+ kbit\/s · \d+ s buffered$/).waitFor();

    // Far from what is loaded already: what is heard there was asked for after the choice.
    for (const [id, label, at] of [
      ['aac-64k', '64 kbit/s', 40],
      ['aac-256k', '256 kbit/s', 76],
    ] as const) {
      await page.getByLabel('Quality').selectOption(label);
      asked();
      await page.locator('#audio').evaluate((element, at) => {
        (element as HTMLAudioElement).currentTime = at;
      }, at);
      await moves(page);
      await until(() => expect(asked().at(-1)).toBe(id));
      await page.locator('#now', { hasText: label }).waitFor();
    }
    expect(await page.locator('#player-error').isVisible()).toBe(false);
    await page.close();
  });

  it('is there by HLS as well, where there are no Media Source Extensions', async () => {
    const page = await openPage(ladder.url);
    await page.addInitScript(() => {
      Reflect.deleteProperty(window, 'MediaSource');
      Reflect.deleteProperty(window, 'ManagedMediaSource');
    });
    await page.reload();
    await page.getByRole('button', { name: 'Play ladder.wav' }).click();
    expect(await moves(page)).toBe(`${ladder.url}/stream/ladder.wav/master.m3u8`);
    await page.getByText(/^\d+ s buffered$/).waitFor();

    await page.getByLabel('Quality').selectOption('64 kbit/s');
    expect(await moves(page)).toBe(`${ladder.url}/stream/ladder.wav/aac-64k.m3u8`);
    await page.getByText(/^64 kbit\/s · \d+ s buffered$/).waitFor();
    expect(
      await page.locator('#audio').evaluate((audio) => (audio as HTMLAudioElement).currentTime),
    ).toBeGreaterThan(0.5);

    // Paused stays paused; and a track begins at its beginning, wherever the last one was.
    const paused = await page.locator('#audio').evaluate(async (element) => {
      const audio = element as HTMLAudioElement;
      audio.currentTime = 60;
      audio.pause();
      await new Promise((resolve) => audio.addEventListener('seeked', resolve, { once: true }));
      const quality = document.getElementById('quality') as HTMLSelectElement;
      quality.value = 'aac-256k';
      quality.dispatchEvent(new Event('change'));
      return audio.paused;
    });
    expect(paused).toBe(true);
    await page.getByRole('button', { name: 'Play ladder.wav' }).click();
    await moves(page);
    expect(
      await page.locator('#audio').evaluate((audio) => (audio as HTMLAudioElement).currentTime),
    ).toBeLessThan(30);
    expect(await page.locator('#player-error').isVisible()).toBe(false);
    await page.close();
  });
});

it('shows title, artist, cover and duration instead of the name of the file', async () => {
  const tags = ['-metadata', 'title=<b>Jóga</b>', '-metadata', 'artist=Björk'];
  const file = await audioFile('03 - track.mp3', noise({ samples: 2 * 44_100, seed: 79 }), tags);
  const { body: track } = await upload(server.url, file);
  const page = await openPage(server.url);
  const row = page.locator(`[data-filename="${track.filename}"]`);
  expect(await row.locator('.name').textContent()).toBe('<b>Jóga</b>');
  await row.getByText('Björk').waitFor();
  await row.getByText('0:02').waitFor();
  expect(await row.getByTitle(track.filename).count()).toBe(1);
  expect(await row.locator('img').count()).toBe(0);

  const body = new Uint8Array(png(40, 20));
  await fetch(`${server.url}/files/${encodeURIComponent(track.filename)}/cover`, { method: 'PUT', body });
  const width = () => row.locator('img').evaluate((image) => (image as HTMLImageElement).naturalWidth);
  await until(async () => expect(await width()).toBe(40));
  await page.getByRole('button', { name: `Play ${track.filename}` }).click();
  await until(async () => expect(await page.locator('#playing').textContent()).toBe('<b>Jóga</b>'));
  await page.close();
});

it('finds tracks by name, and fits a phone', async () => {
  const page = await openPage(server.url);
  await page.setViewportSize({ width: 320, height: 640 });
  await page.getByLabel('Find tracks by name').fill('no such name');
  await page.getByText('Nothing here yet.').waitFor();
  await page.getByLabel('Find tracks by name').fill('LONG');
  await page.getByRole('button', { name: 'Play long.mp3' }).waitFor();
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(overflow).toBeLessThanOrEqual(0);
  await page.close();
});

async function settledSoon(name: string): Promise<void> {
  await until(async () => expect((await settled(server.url, name)).status).toBe('ready'));
}
