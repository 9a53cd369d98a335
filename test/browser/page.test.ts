/** The page, used as a person uses it. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { longMp3, noise, wav } from '../support/audio.ts';
import { openPage } from '../support/browser.ts';
import { settled, until } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startServer, type TestServer } from '../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
});

it('uploads a chosen file, shows how it gets on, plays it meanwhile, and seeks to its end', async () => {
  const page = await openPage(server.url);
  await page.getByText('Nothing here yet.').waitFor();
  const folder = await temporaryFolder();
  const long = path.join(folder, 'long.mp3');
  await writeFile(long, await longMp3(20));
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
