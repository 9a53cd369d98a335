import { defineConfig } from 'vitest/config';

const hasChromium = Boolean(process.env.CHROMIUM_PATH);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Without Chromium `npm test` says so, loudly, and under CI does not get here.
    exclude: hasChromium ? [] : ['test/browser/**'],
    globalSetup: 'test/support/one-browser.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Much of the time is playing and waiting: more workers than cores.
    maxWorkers: 4,
  },
});
