import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const hasChromium = Boolean(process.env.CHROMIUM_PATH);

/** What all lanes have. Importing the server takes a second of processor time: test files of a worker share its modules. */
const lane = { setupFiles: 'test/support/setup.ts', isolate: false };
/** Milliseconds for a test and for a hook, several times what the longest takes while other lanes are at work. */
const within = (timeoutMs: number) => ({ testTimeout: timeoutMs, hookTimeout: timeoutMs });

export default defineConfig({
  test: {
    globalSetup: 'test/support/run-wide.ts',
    // One more than processors: players wait for real time, servers for ffmpeg. With two more, uploads are not encoded early.
    maxWorkers: availableParallelism() + 1,
    // Four players in a test of their own each: more at once than these starve each other.
    maxConcurrency: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/**/*.{service,engines}.test.ts', 'test/{journeys,system,browser}/**'],
          ...lane,
          ...within(10_000),
        },
      },
      {
        test: {
          name: 'service',
          include: ['test/**/*.service.test.ts', 'test/journeys/**/*.test.ts'],
          exclude: ['test/**/*.engines.test.ts'],
          ...lane,
          ...within(60_000),
        },
      },
      {
        test: {
          name: 'engines',
          include: ['test/**/*.engines.test.ts'],
          // Its browser is for players that get their segments from the bucket.
          globalSetup: ['test/support/engines.ts', 'test/support/one-browser.ts'],
          // After the lanes above: beside engines and nodes, players starve.
          sequence: { groupOrder: 1 },
          ...lane,
          ...within(60_000),
        },
      },
      {
        test: {
          name: 'browser',
          // Without Chromium `npm test` says so, loudly, and under CI does not get here.
          include: hasChromium ? ['test/browser/**/*.test.ts'] : [],
          globalSetup: 'test/support/one-browser.ts',
          ...lane,
          ...within(90_000),
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          exclude: ['test/**/*.engines.test.ts'],
          // After all others, one file at a time: what is killed and stopped is timed.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          ...lane,
          ...within(120_000),
        },
      },
    ],
  },
});
