import { defineConfig } from 'vitest/config';

const hasChromium = Boolean(process.env.CHROMIUM_PATH);

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Without Chromium `npm test` says so, loudly, and under CI does not get here.
    exclude: hasChromium ? [] : ['test/browser/**'],
    globalSetup: 'test/support/one-browser.ts',
    // Far beyond what any test takes on a machine that has its cores to itself.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    maxWorkers: 2,
    // Four players in a test of their own each: more at once than these starve each other.
    maxConcurrency: 2,
  },
});
