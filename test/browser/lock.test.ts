/** The page of a server that asks for keys and signs its links, and the reference of the API. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { noise, wav } from '../support/audio.ts';
import { openPage } from '../support/browser.ts';
import { temporaryFolder } from '../support/folders.ts';
import { startServer, type TestServer } from '../support/server.ts';

const KEY = 'page-key-0123456789-0123456789-0123456789';
let server: TestServer;
beforeAll(async () => {
  server = await startServer({
    API_KEYS: `page:${KEY}`,
    STREAM_SECRET: 'a secret that signs links, long enough',
  });
});

it('the page asks for a key, keeps it for the tab, and all works with it', async () => {
  const page = await openPage(server.url);
  const field = page.getByLabel('This server asks for a key');
  await field.fill('not the key');
  await page.keyboard.press('Enter');
  await page.getByText('That key is not one of the server’s.').waitFor();
  await field.fill(KEY);
  await page.keyboard.press('Enter');
  await page.getByText('Nothing here yet.').waitFor();
  expect(await field.isVisible()).toBe(false);

  const file = path.join(await temporaryFolder(), 'locked.wav');
  await writeFile(file, wav(noise({ samples: 3 * 44_100, seed: 91 })));
  await page.setInputFiles('#file', file);
  // By its event.
  await page.locator('[data-filename="locked.wav"][data-status=ready]').waitFor();
  await page.getByRole('button', { name: 'Play locked.wav' }).click();
  await page.locator('#audio').evaluate(async (element) => {
    const audio = element as HTMLAudioElement;
    while (audio.currentTime < 0.5)
      await new Promise((resolve) => audio.addEventListener('timeupdate', resolve, { once: true }));
  });

  await page.reload();
  await page.getByRole('button', { name: 'Play locked.wav' }).waitFor();
  expect(await field.isVisible()).toBe(false);
  page.on('dialog', (dialog) => void dialog.accept());
  await page.getByRole('button', { name: 'Delete locked.wav' }).click();
  await page.getByText('Nothing here yet.').waitFor();
  await page.close();
});

it('the reference shows every route, and tries one, with nothing from another host', async () => {
  const page = await openPage(`${server.url}/docs/`);
  await page.locator('.opblock').first().waitFor();
  expect(await page.locator('.opblock').count()).toBeGreaterThan(15);
  await page.locator('#operations-health-getHealth .opblock-summary-control').click();
  await page.locator('#operations-health-getHealth .execute').click();
  await page
    .locator('#operations-health-getHealth .live-responses-table .response-col_status', { hasText: '200' })
    .waitFor();
  await page.close();
});
