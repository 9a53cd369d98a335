/** The server as a process of its own. The tests, `bench/` and `torture/` start it by this. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const projectFolder = fileURLToPath(new URL('../', import.meta.url));
/** Made by `npm run build`. */
export const BUILT_SERVER = [
  process.execPath,
  fileURLToPath(new URL('../dist/server.js', import.meta.url)),
] as const;

export type Command = readonly [program: string, ...args: string[]];

export interface ServerProcess {
  /** Without a slash at its end. */
  url: string;
  child: ChildProcess;
  /** Resolves with the exit code, or with the signal that ended it. */
  exited: Promise<number | string>;
}

/** Starts a program in a process group of its own, as a terminal does. The group ends when this process exits. */
export function startProgram([file, ...args]: Command, env: Record<string, string>): ChildProcess {
  const child = spawn(file, args, {
    cwd: projectFolder,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  if (running.size === 0) {
    // Before folders are removed, in which it may write.
    process.off('exit', killAll).prependOnceListener('exit', killAll);
  }
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

const running = new Set<ChildProcess>();

function killAll(): void {
  for (const child of running) killGroup(child);
}

/** Kills a program that has not ended, and what it has started. */
export function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, 'SIGKILL');
}

/**
 * Starts a server on a free port of the loopback, unless `env` names another one, and waits until it listens.
 *
 * @param onStart is given the process before it listens.
 * @throws {Error} with what it wrote to standard error, when it ends before that.
 */
export async function startServerProcess(
  command: Command,
  env: Record<string, string>,
  onStart: (child: ChildProcess) => void = () => {},
): Promise<ServerProcess> {
  const child = startProgram(command, { HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info', ...env });
  const exited = exitOf(child);
  const stderr = textOf(child.stderr);
  onStart(child);
  const url = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const listening = /listening at (http:[^"\s]+)/.exec(line)?.[1];
      if (listening) resolve(listening);
    });
  });
  const first = await Promise.race([
    url,
    exited.then(async (code) => ({ code, stderr: await soonOr(stderr) })),
  ]);
  if (typeof first !== 'string') throw new Error(`the server ended with ${first.code}: ${first.stderr}`);
  return { url: first, child, exited };
}

/** Resolves with a text, or without it after a second: what a killed server has started may keep the pipe open. */
async function soonOr(text: Promise<string>): Promise<string> {
  return Promise.race([text, new Promise<string>((resolve) => setTimeout(() => resolve(''), 1000))]);
}

export async function exitOf(child: ChildProcess): Promise<number | string> {
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  return code ?? signal ?? 'nothing';
}

export async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = '';
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

/** Resolves with the processor time of a process and of its children that have ended (proc(5)), in seconds. */
export async function processorSecondsOf({ pid }: ChildProcess): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime, cstime, in hundredths.
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / 100;
}

/** Command lines of all other processes that mention `text`, by process id; none where there is no /proc. */
export async function processesMentioning(text: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(text) && Number(pid) !== process.pid)
      found.set(Number(pid), line.replaceAll('\0', ' '));
  }
  return found;
}

/** A figure of a process in bytes, such as `VmRSS`, the memory that it has now; undefined where the system does not tell. */
export async function memoryOf(
  { pid }: ChildProcess,
  figure: 'VmRSS' | 'VmHWM',
): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = new RegExp(`${figure}:\\s+(\\d+) kB`).exec(status)?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
}
