/** A real server on a free port of the loopback, with a data folder of its own, in this process. */
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { inject } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { TOOL_TIMEOUTS, type Tools, type ToolTimeouts } from '../../src/ffmpeg/launcher.ts';
import { CLIENT_TIMEOUTS, type ClientTimeouts } from '../../src/http/connections/timeouts.ts';
import { openServices, type Services } from '../../src/services.ts';
import { atEndOfFile } from './end-of-file.ts';
import { temporaryFolder } from './folders.ts';

export interface TestServer {
  /** Without a slash at its end. */
  url: string;
  dataDir: string;
  config: Config;
  app: FastifyInstance;
  services: Services;
  /** What it has logged so far, where LOG_LEVEL is set. */
  logged: string[];
  close(): Promise<void>;
}

/** A test asks more often than any client. */
export const NO_LIMITS = { RATE_LIMIT: 'off', UPLOAD_RATE_LIMIT: 'off' };

/** For `startServer`: the ladder that the service has where nothing is set. */
export const DEFAULT_LADDER = { AUDIO_LADDER: '' };

/**
 * @param env settings as the environment gives them. Where it does not say more: one rendition, which is the fastest, and no
 *   analysis, which would take processor time from all tests.
 * @param timeouts where it is to have less than the real one, with clients and with ffmpeg.
 */
export async function startServer(
  env: Record<string, string> = {},
  timeouts: Partial<ClientTimeouts & ToolTimeouts> = {},
): Promise<TestServer> {
  const dataDir = env.DATA_DIR ?? (await temporaryFolder());
  const config = parseConfig(
    {
      LOG_LEVEL: 'silent',
      AUDIO_LADDER: 'aac@128k',
      ANALYSIS: 'false',
      ...NO_LIMITS,
      ...env,
      DATA_DIR: dataDir,
      PORT: '0',
    },
    dataDir,
  );
  const logged: string[] = [];
  const log = pino({ level: config.logLevel }, { write: (line: string) => void logged.push(line) });
  const toolTimeouts = { ...TOOL_TIMEOUTS, ...timeouts };
  const services = await openServices(config, log, {
    toolTimeouts,
    tools: await sharedTools(env, dataDir, toolTimeouts),
  });
  // A test that mends something asks /readyz at once.
  const app = await buildApp(services, config, { ...CLIENT_TIMEOUTS, readinessMs: 0, ...timeouts });
  await Promise.all([app.listen({ host: '127.0.0.1', port: 0 }), services.started, services.tools]);
  const { port } = app.server.address() as AddressInfo;
  let isRunning = true;
  const server: TestServer = {
    url: `http://127.0.0.1:${port}`,
    dataDir,
    config,
    app,
    services,
    logged,
    async close() {
      if (!isRunning) return;
      isRunning = false;
      const closed = app.server.listening ? once(app.server, 'close') : undefined;
      await app.close();
      await closed;
    },
  };
  atEndOfFile(() => server.close());
  return server;
}

/** Settings that decide what ffmpeg is started, and how. */
const OF_TOOLS = ['FFMPEG_PATH', 'FFPROBE_PATH', 'SANDBOX', 'MAX_DURATION_SECONDS'];

/** The tools that this run has found, for a server that would find the same; undefined for one that has its own. */
async function sharedTools(
  env: Record<string, string>,
  dataDir: string,
  timeouts: ToolTimeouts,
): Promise<Tools | undefined> {
  if (OF_TOOLS.some((name) => name in env)) return undefined;
  // The launchers of its own would be there, and beside them the audio of the self-test.
  await mkdir(path.join(dataDir, '.launch'), { recursive: true });
  const tools = inject('tools');
  // Beside other tests an analysis that yields to all of them would not end.
  const [most] = tools.background;
  const background: Tools['background'] =
    env.ANALYSIS === 'true' ? [tools.background.at(-1) ?? most] : tools.background;
  return { ...tools, background, timeouts };
}
