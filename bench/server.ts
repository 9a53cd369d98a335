/** The built server as a process of its own, on a free port. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** It is measured as it is run where strangers can reach it: with keys, signed links, and limits. */
const KEY = 'bench-key-0123456789-0123456789-0123456789';
export const AUTHORIZED = { authorization: `Bearer ${KEY}` };

/** The default of SEGMENT_CACHE_BYTES. */
export const CACHE_BYTES = 256 * 1024 ** 2;

export interface BenchServer {
  url: string;
  /** The most memory that it has had so far, in bytes; undefined where the system does not tell. */
  peakBytes(): Promise<number | undefined>;
  /** The memory that it has now. */
  residentBytes(): Promise<number | undefined>;
  dataDir: string;
  /** From its start until it knew its whole library, in milliseconds: until the list was answered. */
  readyMs: number;
  /** @param keep its data, for the next one. */
  stop(keep?: boolean): Promise<void>;
}

/** Starts so many loops that never rest, and then a program in their place. */
const BESIDE_LOOPS = 'n=$0; while [ "$n" -gt 0 ]; do (while :; do :; done) & n=$((n - 1)); done; exec "$@"';

/**
 * @param settings beyond the defaults.
 * @param neighbours loops that take all the processor time they can get, in the server's own process session.
 */
export async function startServer(
  folder: string,
  settings: Record<string, string> = {},
  neighbours = 0,
): Promise<BenchServer> {
  const dataDir = settings.DATA_DIR ?? path.join(folder, 'data');
  const begin = performance.now();
  const server = fileURLToPath(new URL('../dist/server.js', import.meta.url));
  const child: ChildProcess = spawn(
    '/bin/sh',
    ['-c', BESIDE_LOOPS, String(neighbours), process.execPath, server],
    {
      // A session of its own.
      detached: true,
      env: {
        ...process.env,
        DATA_DIR: dataDir,
        PORT: '0',
        HOST: '127.0.0.1',
        MAX_UPLOAD_BYTES: String(8 * 1024 ** 3),
        API_KEYS: `bench:${KEY}`,
        STREAM_SECRET: 'bench-secret-0123456789-0123456789-0123456789',
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  // A measurement that fails leaves no server behind.
  const endWithUs = () => process.kill(-(child.pid as number), 'SIGKILL');
  process.once('exit', endWithUs);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the server did not start')));
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const found = /listening at (http:[^"\s]+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
  });
  await (await fetch(`${url}/files?limit=1`, { headers: AUTHORIZED })).arrayBuffer();
  const readyMs = performance.now() - begin;
  const isReady = () => fetch(`${url}/readyz`).then(({ ok }) => ok);
  while (!(await isReady())) await pause(10);
  const memory = async (field: string) => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    const kilobytes = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  };
  return {
    url,
    dataDir,
    readyMs,
    peakBytes: () => memory('VmHWM'),
    residentBytes: () => memory('VmRSS'),
    async stop(keep = false) {
      child.kill('SIGTERM');
      await once(child, 'exit');
      // The loops are left; without any there is nobody.
      if (neighbours > 0) endWithUs();
      process.off('exit', endWithUs);
      if (!keep) await rm(dataDir, { recursive: true, force: true });
    },
  };
}
