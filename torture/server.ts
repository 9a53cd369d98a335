/** The built server as a process of its own, to be filled with rubbish and killed; and a look at what it leaves. */
import type { ChildProcess } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import * as testkit from '../testkit/server-process.ts';

export interface TortureServer {
  url: string;
  readonly isAlive: boolean;
  /** Memory in bytes; 0 if the system does not report it. */
  residentBytes(): Promise<number>;
  /** Lists the processes that it has started, and those that these have started. */
  descendants(): Promise<Process[]>;
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>;
}

/** A process of Linux; other systems list none. */
export interface Process {
  pid: number;
  parent: number;
  name: string;
  /** Time of its start since that of the system, which tells it from a later one of the same number. */
  startedAt: string;
}

/** Starts the server. Rejects when it ends before it listens, by itself or because of `onStart`. */
export async function startServer(
  settings: Record<string, string>,
  onStart: (child: ChildProcess) => void = () => {},
): Promise<TortureServer> {
  const env = { RATE_LIMIT: 'off', UPLOAD_RATE_LIMIT: 'off', ...settings };
  const { url, child, exited } = await testkit.startServerProcess(testkit.BUILT_SERVER, env, (started) => {
    started.stderr?.pipe(process.stderr);
    onStart(started);
  });
  return {
    url,
    get isAlive() {
      return child.exitCode === null && child.signalCode === null;
    },
    residentBytes: async () => (await testkit.memoryOf(child, 'VmRSS')) ?? 0,
    async descendants() {
      const all = await processes();
      const of = (parent: number | undefined): Process[] =>
        all.filter((each) => each.parent === parent).flatMap((each) => [each, ...of(each.pid)]);
      return of(child.pid);
    },
    async end(signal) {
      child.kill(signal);
      await exited;
    },
  };
}

/** Resolves with what is still alive of some processes, as sentences. */
export async function aliveOf(some: readonly Process[]): Promise<string[]> {
  const alive = await processes();
  return some
    .filter(({ pid, startedAt }) => alive.some((each) => each.pid === pid && each.startedAt === startedAt))
    .map(({ pid, name }) => `${name} (${pid})`);
}

/** Lists all processes but those that have ended and wait to be reaped. */
async function processes(): Promise<Process[]> {
  const names = await readdir('/proc').catch(() => []);
  const stats = await Promise.all(
    names
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')),
  );
  return stats.flatMap((stat) => {
    const [, pid, name, rest = ''] = /^(\d+) \((.*)\) (.*)/s.exec(stat) ?? [];
    // proc(5): the state is field 3, the parent field 4, the start field 22.
    const [state, parent, ...others] = rest.split(' ');
    if (pid === undefined || name === undefined || state === 'Z') return [];
    return { pid: Number(pid), parent: Number(parent), name, startedAt: others[17] ?? '' };
  });
}

/** Repeats a check until it finds nothing, for clean-up takes a moment. Resolves with the last findings. */
export async function untilNone(look: () => Promise<string[]>, timeoutMs: number): Promise<string[]> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found.length === 0 || Date.now() > end) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Returns the command lines of processes that contain `text`. */
export async function processesMentioning(text: string): Promise<string[]> {
  return [...(await testkit.processesMentioning(text)).values()];
}

/** Returns a generator of numbers from 0 to 1 that repeats for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Reads a number from the command line, as in `--files 2000`. */
export function numberOption(name: string, usual: number): number {
  const at = process.argv.indexOf(`--${name}`);
  const value = at < 0 ? usual : Number(process.argv[at + 1]);
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} needs a whole number`);
  return value;
}
