import { defineConfig } from 'vitest/config';

const hasChromium = Boolean(process.env.CHROMIUM_PATH);

/** Milliseconds for a test and for a hook. */
const within = (timeoutMs: number) => ({ testTimeout: timeoutMs, hookTimeout: timeoutMs });
/** Importing the server takes a second of processor time: test files of a worker share its modules. */
const shared = { setupFiles: 'test/support/setup.ts', isolate: false };

export default defineConfig({
  test: {
    globalSetup: 'test/support/run-wide.ts',
    maxWorkers: 2,
    // Four players in a test of their own each: more at once than these starve each other.
    maxConcurrency: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.service.test.ts', 'test/{journeys,system,browser}/**'],
          setupFiles: 'test/support/setup.ts',
          ...within(20_000),
        },
      },
      {
        test: {
          name: 'service',
          include: ['test/**/*.service.test.ts', 'test/journeys/**/*.test.ts'],
          ...shared,
          ...within(120_000),
        },
      },
      {
        test: {
          name: 'browser',
          // Without Chromium `npm test` says so, loudly, and under CI does not get here.
          include: hasChromium ? ['test/browser/**/*.test.ts'] : [],
          globalSetup: 'test/support/one-browser.ts',
          ...shared,
          ...within(240_000),
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          setupFiles: 'test/support/setup.ts',
          ...within(240_000),
        },
      },
    ],
  },
});
