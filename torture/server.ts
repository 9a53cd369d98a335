/** The built server as a process of its own, to be filled with rubbish and killed; and a look at what it leaves. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export interface TortureServer {
  url: string;
  readonly isAlive: boolean;
  /** Memory that it has now, in bytes; 0 where the system does not tell. */
  residentBytes(): Promise<number>;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** Starts it. Rejects when it ends before it listens, by itself or by what `onStart` does to it. */
export async function startServer(
  settings: Record<string, string>,
  onStart: (child: ChildProcess) => void = () => {},
): Promise<TortureServer> {
  const program = fileURLToPath(new URL('../dist/server.js', import.meta.url));
  const limits = { RATE_LIMIT: 'off', UPLOAD_RATE_LIMIT: 'off' };
  const env = { ...process.env, HOST: '127.0.0.1', LOG_LEVEL: 'info', ...limits, ...settings };
  const child = spawn(process.execPath, [program], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const endWithUs = () => child.kill('SIGKILL');
  process.once('exit', endWithUs);
  const exited = once(child, 'exit').then(() => process.off('exit', endWithUs));
  onStart(child);
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', () => reject(new Error('the server ended before it listened')));
    createInterface({ input: child.stdout }).on('line', (line) => {
      const found = /listening at (http:[^"\s]+)/.exec(line)?.[1];
      if (found) resolve(found);
    });
  });
  return {
    url,
    get isAlive() {
      return child.exitCode === null && child.signalCode === null;
    },
    async residentBytes() {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
      return 1024 * Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0);
    },
    async end(signal) {
      child.kill(signal);
      await exited;
    },
  };
}

/** A port of the loopback that is free just now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Looks again until there is nothing wrong, for what is being cleaned up. Returns what is wrong in the end. */
export async function untilNone(look: () => Promise<string[]>, timeoutMs: number): Promise<string[]> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found.length === 0 || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Command lines of processes that mention `text`. */
export async function processesMentioning(text: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(text) && Number(pid) !== process.pid) found.push(line.replaceAll('\0', ' '));
  }
  return found;
}

/** A generator of numbers from 0 to 1 that gives the same again for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number given on the command line, as in `--files 2000`. */
export function numberOption(name: string, usual: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const value = at < 0 ? usual : Number(process.argv[at + 1]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} needs a whole number`);
  return value;
}
