/** One headless Chromium for all test files, started before the first of them. */
import { chromium } from 'playwright-core';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where test files connect to; empty where there is no Chromium. */
    browserEndpoint: string;
  }
}

export default async function startBrowser(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const executablePath = process.env.CHROMIUM_PATH;
  project.provide('browserEndpoint', '');
  if (!executablePath) return undefined;
  const server = await chromium.launchServer({
    executablePath,
    host: '127.0.0.1',
    args: [
      ...[
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
      ],
      ...['--disable-component-update', '--disable-sync', '--autoplay-policy=no-user-gesture-required'],
    ],
  });
  project.provide('browserEndpoint', server.wsEndpoint());
  return () => server.close();
}
