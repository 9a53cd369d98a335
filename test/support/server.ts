/** A real server on a free port of the loopback, with a data folder of its own, in this process. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { afterAll } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { TOOL_TIMEOUTS, type ToolTimeouts } from '../../src/ffmpeg/launcher.ts';
import { CLIENT_TIMEOUTS, type ClientTimeouts } from '../../src/http/connections/timeouts.ts';
import { openServices, type Services } from '../../src/services.ts';
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

const running = new Set<TestServer>();
afterAll(async () => {
  await Promise.all([...running].map((server) => server.close()));
});

/** A test asks more often than any client. */
const NO_LIMITS = { RATE_LIMIT: 'off', UPLOAD_RATE_LIMIT: 'off' };

/** For `startServer`: the ladder that the service has where nothing is set. */
export const DEFAULT_LADDER = { AUDIO_LADDER: '' };

/**
 * @param env settings as the environment gives them; one rung, where it does not say more: it is the fastest.
 * @param timeouts where it is to have less than the real one, with clients and with ffmpeg.
 */
export async function startServer(
  env: Record<string, string> = {},
  timeouts: Partial<ClientTimeouts & ToolTimeouts> = {},
): Promise<TestServer> {
  const dataDir = env.DATA_DIR ?? (await temporaryFolder());
  const config = parseConfig(
    { LOG_LEVEL: 'silent', AUDIO_LADDER: 'aac@128k', ...NO_LIMITS, ...env, DATA_DIR: dataDir, PORT: '0' },
    dataDir,
  );
  const logged: string[] = [];
  const log = pino({ level: config.logLevel }, { write: (line: string) => void logged.push(line) });
  const services = await openServices(config, log, {
    ...TOOL_TIMEOUTS,
    ...timeouts,
  });
  // A test that mends something asks /readyz at once.
  const app = await buildApp(services, config, { ...CLIENT_TIMEOUTS, readinessMs: 0, ...timeouts });
  await Promise.all([app.listen({ host: '127.0.0.1', port: 0 }), services.started, services.tools]);
  const { port } = app.server.address() as AddressInfo;
  const server: TestServer = {
    url: `http://127.0.0.1:${port}`,
    ...{ dataDir, config, app, services, logged },
    async close() {
      if (!running.delete(server)) return;
      const closed = app.server.listening ? once(app.server, 'close') : undefined;
      await app.close();
      await closed;
    },
  };
  running.add(server);
  return server;
}
