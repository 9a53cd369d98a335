/** Runs the process: reads the environment, starts, listens, and stops gracefully. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { buildApp } from './app.ts';
import { type Config, parseConfig } from './config/config.ts';
import { helpText } from './config/help.ts';
import { StartupError } from './errors.ts';
import { openServices } from './services.ts';

/** Milliseconds until unfinished responses are cut off. The whole stop takes at most 10 s. */
const CLOSE_TIMEOUT_MS = 8000;
/** Ctrl-C under npm arrives twice, a millisecond apart. Only a later signal ends the process at once. */
const SECOND_SIGNAL_AFTER_MS = 1000;

const projectFolder = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

async function main(): Promise<void> {
  if (process.argv.includes('--help')) return void process.stdout.write(helpText());
  const config = parseConfig(process.env, projectFolder);
  const log = await createLogger(config);
  const stopping = new AbortController();
  let stop: (() => Promise<void>) | undefined;
  let firstSignalAt = 0;

  const onSignal = (signal: NodeJS.Signals) => {
    if (stopping.signal.aborted) {
      if (Date.now() - firstSignalAt > SECOND_SIGNAL_AFTER_MS) process.exit(1);
      return;
    }
    firstSignalAt = Date.now();
    stopping.abort();
    log.info({ signal }, 'stopping');
    void stop?.();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);

  const services = await openServices(config, log);
  services.started.catch((error: unknown) => {
    log.fatal({ err: error }, 'library unreadable');
    process.exit(1);
  });
  const app = await buildApp(services, config);
  stop = async () => {
    const cutOff = setTimeout(() => app.server.closeAllConnections(), CLOSE_TIMEOUT_MS);
    await app.close();
    clearTimeout(cutOff);
    log.info('stopped');
    process.exit(0);
  };
  if (stopping.signal.aborted) return stop();
  await app.listen({ host: config.host, port: config.port }).catch(async (error: NodeJS.ErrnoException) => {
    await app.close();
    if (error.code === 'EADDRINUSE') {
      throw new StartupError(
        `Port ${config.port} on ${config.host} is in use. Stop the program that uses it, or set PORT to another port.`,
      );
    }
    throw new StartupError(`Cannot listen on ${config.host}:${config.port} (HOST, PORT): ${error.message}.`);
  });
  const { version, sandbox } = await services.tools;
  if (sandbox.mode === 'off') log.warn({ sandbox: sandbox.mode }, sandbox.detail);
  log.info({ ffmpeg: version, sandbox: sandbox.mode, dataDir: config.dataDir }, 'ready');
}

/** Creates the logger: JSON lines, or readable lines on a terminal. Servers that share a database say which one speaks. */
async function createLogger({ logLevel: level, shared, nodeName }: Config) {
  const mixin = shared === null ? () => ({}) : () => ({ node: nodeName });
  if (!process.stdout.isTTY) return pino({ level, mixin });
  const { default: pretty } = await import('pino-pretty');
  return pino({ level, mixin }, pretty({ sync: true, ignore: 'pid,hostname' }));
}

main().catch((error: unknown) => {
  const text =
    error instanceof StartupError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(1);
});
