/** Pages in the one Chromium that all test files share. */
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect, inject } from 'vitest';
import { atEndOfFile } from './end-of-file.ts';

let browser: Promise<Browser> | undefined;

/** One connection for a test file. */
function connected(): Promise<Browser> {
  if (browser) return browser;
  const connecting = chromium.connect(inject('browserEndpoint'));
  browser = connecting;
  atEndOfFile(async () => {
    browser = undefined;
    await (await connecting).close();
  });
  return connecting;
}

/** For `it.runIf`, in a project that has a browser. */
export const hasChromium = Boolean(inject('browserEndpoint'));

/**
 * A page at `url`. An error that nobody catches on the page fails the test at its end, and so does what its policy forbids.
 *
 * @param options.alsoFrom other origins that the page may ask.
 * @param options.script runs before those of the page.
 */
export async function openPage(
  url: string,
  { alsoFrom = [], script }: { alsoFrom?: readonly string[]; script?: string } = {},
): Promise<Page> {
  const origins = [new URL(url).origin, ...alsoFrom];
  const page = await (await connected()).newPage();
  const failures: string[] = [];
  page.on('pageerror', (error) => failures.push(String(error)));
  page.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) failures.push(message.text());
  });
  page.on('request', (request) => {
    if (!origins.includes(new URL(request.url()).origin) && !/^(blob|data):/.test(request.url())) {
      failures.push(`asked another host: ${request.url()}`);
    }
  });
  page.on('close', () => expect(failures).toEqual([]));
  if (script) await page.addInitScript(script);
  await page.goto(url);
  return page;
}

/** Decodes a whole file by `decodeAudioData`, in the file's own rate; gives the first channel. */
export async function decodeInBrowser(
  page: Page,
  urls: readonly string[],
  sampleRate: number,
): Promise<Float32Array> {
  const base64 = await page.evaluate(
    async ({ urls, sampleRate }) => {
      const parts = await Promise.all(urls.map(async (url) => (await fetch(url)).arrayBuffer()));
      const context = new OfflineAudioContext(1, 1, sampleRate);
      const decoded = await context.decodeAudioData(await new Blob(parts).arrayBuffer());
      const bytes = new Uint8Array(decoded.getChannelData(0).buffer);
      let text = '';
      for (let at = 0; at < bytes.length; at += 32_768) {
        text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
      }
      return btoa(text);
    },
    { urls: [...urls], sampleRate },
  );
  return fromBase64(base64);
}

/** Samples as a page hands them over. */
export function fromBase64(text: string): Float32Array {
  const bytes = Buffer.from(text, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}
