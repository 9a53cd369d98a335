/** Starts the servers to compare with (nginx, a bare @fastify/static), and the load generator wrk. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Rival {
  url: string;
  stop(): Promise<void>;
}

/** Configures nginx for its best speed: one worker, sendfile, open_file_cache. */
export async function startNginx(folder: string, root: string): Promise<Rival> {
  const own = path.join(folder, 'nginx');
  await mkdir(own, { recursive: true });
  const port = await freePort();
  await writeFile(
    path.join(own, 'nginx.conf'),
    `worker_processes 1; daemon off; pid ${own}/pid; error_log ${own}/error.log;
user root;
worker_rlimit_nofile 65536;
events { worker_connections 4096; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  open_file_cache max=15000 inactive=10m; open_file_cache_valid 10m;
  client_body_temp_path ${own}/body; proxy_temp_path ${own}/proxy; fastcgi_temp_path ${own}/fastcgi;
  uwsgi_temp_path ${own}/uwsgi; scgi_temp_path ${own}/scgi;
  types { audio/mp4 m4s mp4; application/dash+xml mpd; }
  server { listen 127.0.0.1:${port}; root ${root}; add_header Cache-Control "public, max-age=31536000, immutable"; }
}
`,
  );
  const child = spawn(process.env.NGINX_PATH ?? 'nginx', ['-p', own, '-c', path.join(own, 'nginx.conf')], {
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  // A failed measurement must leave no process behind.
  process.once('exit', () => child.kill('SIGTERM'));
  const url = `http://127.0.0.1:${port}`;
  await untilItAnswers(url);
  return { url, stop: () => stopped(child) };
}

/** Starts a server of one line with @fastify/static, as most are written. */
export const startFastifyStatic = (root: string) => startProgram('fastify-static.mjs', root);

/** Starts a server that sends one file from memory at any address. */
export const startNodeHttp = (file: string) => startProgram('node-http.mjs', file);

async function startProgram(name: string, argument: string): Promise<Rival> {
  const program = fileURLToPath(new URL(name, import.meta.url));
  const child = spawn(process.execPath, [program, argument], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill('SIGTERM'));
  const lines = createInterface({ input: child.stdout });
  const [url] = (await once(lines, 'line')) as [string];
  return { url, stop: () => stopped(child) };
}

/** Stops a server. nginx ends its workers on TERM. */
async function stopped(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

async function untilItAnswers(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const isUp = await fetch(url).then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await pause(25);
  }
  throw new Error(`no server answers at ${url}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}

/** Resolves with the requests per second of 64 connections from one thread. */
export async function wrk(url: string, { durationSeconds = 4, script = '' } = {}): Promise<number> {
  const args = ['-t1', '-c64', `-d${durationSeconds}s`, ...(script ? ['-s', script] : []), url];
  const { stdout } = await run(process.env.WRK_PATH ?? 'wrk', args);
  const failed = /Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)/.exec(stdout);
  if (failed) throw new Error(`wrk at ${url}: ${failed[0]}`);
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]);
}

/** Runs loads in turns, for a busy host slows all alike. Resolves with the median ratios to the last of them. */
export async function inTurns(
  loads: readonly (() => Promise<number>)[],
  rounds = 5,
): Promise<{ rates: number[]; ratios: number[][] }> {
  const all: number[][] = [];
  for (let round = 0; round < rounds; round++) {
    const rates: number[] = [];
    for (const load of loads) rates.push(await load());
    all.push(rates);
  }
  const middle = (values: number[]) =>
    values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
  const columns = loads.map((_, at) => at);
  return {
    rates: columns.map((at) => middle(all.map((rates) => rates[at] as number))),
    ratios: columns.map((over) =>
      columns.map((under) => middle(all.map((rates) => (rates[over] as number) / (rates[under] as number)))),
    ),
  };
}
