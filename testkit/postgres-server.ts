/** A real PostgreSQL of its own on the loopback, to be restarted and killed. */
import { randomUUID } from 'node:crypto';
import { appendFile, chmod, chown } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import {
  type EngineProcess,
  endEngineProcess,
  engineFolder,
  findProgram,
  runToEnd,
  startEngineProcess,
  untilReady,
} from './engine-process.ts';
import { freePort } from './ports.ts';
import type { Command } from './server-process.ts';

const USER = 'app';
/** How long a restart waits for processes of a killed server, which still use its memory. */
const RETRY_MS = 10_000;

export interface PostgresServer {
  /** Settings of the server under test. */
  env: { DATABASE_URL: string };
  /** Address of the database `postgres`. */
  url: string;
  port: number;
  /** Makes an empty database and resolves with its address. */
  createDatabase(): Promise<string>;
  /** Starts it again on the same port and data, after `stop` or `crash`. */
  start(): Promise<void>;
  /** Ends all connections and stops (SIGINT, "fast shutdown"). Keeps the data. */
  stop(): Promise<void>;
  restart(): Promise<void>;
  /** Kills it with SIGKILL; the next start recovers from its log. */
  crash(): Promise<void>;
  /** Kills it and removes its data. */
  remove(): Promise<void>;
}

/** Says whether the programs of PostgreSQL are installed. */
export function hasPostgres(): boolean {
  return findProgram('postgres') !== undefined && findProgram('initdb') !== undefined;
}

/**
 * Starts PostgreSQL on a free port, or on `port`, with user `app` and no password.
 *
 * @param options.parent a folder for its own folder, instead of the system's temporary one.
 * @param options.durable whether it syncs to disk. A SIGKILL loses nothing without it, a power cut does.
 */
export async function startPostgres(
  options: { durable?: boolean; port?: number; parent?: string } = {},
): Promise<PostgresServer> {
  const folder = await engineFolder('postgres', options.parent);
  const port = options.port ?? (await freePort());
  const data = path.join(folder.path, 'data');
  const owner = await ownerOf(folder.path);
  await runToEnd(
    owner.run('initdb', '-D', data, '-U', USER, '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8'),
  );
  await appendFile(path.join(data, 'postgresql.conf'), settings(port, options.durable ?? true));

  let engine: EngineProcess | undefined;
  const url = `postgres://${USER}@127.0.0.1:${port}/postgres`;
  const end = async (signal: 'SIGINT' | 'SIGKILL') => {
    engine?.child.kill(signal);
    await engine?.exited;
    engine = undefined;
  };
  const start = async () => {
    engine = await startReady(owner.run('postgres', '-D', data));
  };
  await start();
  return {
    env: { DATABASE_URL: url },
    url,
    port,
    createDatabase: () => createDatabase(url),
    start,
    stop: () => end('SIGINT'),
    async restart() {
      await end('SIGINT');
      await start();
    },
    crash: () => end('SIGKILL'),
    async remove() {
      // "Immediate shutdown" gives shared memory back, which SIGKILL leaves behind.
      engine?.child.kill('SIGQUIT');
      await engine?.exited;
      await folder.remove();
    },
  };
}

/** Makes an empty database beside the one at `url`, and resolves with its address. */
export async function createDatabase(url: string): Promise<string> {
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`create database ${name}`);
  } finally {
    await client.end();
  }
  return new URL(`/${name}`, url).href;
}

function settings(port: number, isDurable: boolean): string {
  const lines = [
    "listen_addresses = '127.0.0.1'",
    `port = ${port}`,
    "unix_socket_directories = ''",
    'max_connections = 500',
    'shared_buffers = 64MB',
    "idle_in_transaction_session_timeout = '30s'",
    'tcp_keepalives_idle = 10',
    'tcp_keepalives_interval = 5',
    'tcp_keepalives_count = 3',
    ...(isDurable ? [] : ['fsync = off', 'full_page_writes = off']),
  ];
  return `${lines.join('\n')}\n`;
}

interface Owner {
  run(program: string, ...args: string[]): Command;
}

/** PostgreSQL refuses to run as root: root gives the folder to the user `postgres` and runs it as that. */
async function ownerOf(folder: string): Promise<Owner> {
  const find = (program: string) => findProgram(program) ?? program;
  if (process.getuid?.() !== 0) return { run: (program, ...args) => [find(program), ...args] };
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (option) => Number(await runToEnd(['id', option, 'postgres']))),
  );
  await chown(folder, uid as number, gid as number);
  await chmod(folder, 0o700);
  const asPostgres = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'] as const;
  return { run: (program, ...args) => [...asPostgres, find(program), ...args] };
}

/** Starts PostgreSQL and waits until it takes connections. */
async function startReady(command: Command): Promise<EngineProcess> {
  const end = Date.now() + RETRY_MS;
  for (;;) {
    const engine = startEngineProcess(command);
    try {
      await untilReady(async () => /ready to accept connections/.test(engine.output()) || undefined, {
        what: 'PostgreSQL',
        engine,
      });
      return engine;
    } catch (error) {
      await endEngineProcess(engine);
      // A killed server leaves processes that end within moments, and its memory with them.
      if (!/shared memory block .*still in use/.test(String(error)) || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
