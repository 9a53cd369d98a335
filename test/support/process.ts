/** The real server as a process of its own, to be stopped and killed. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { atEndOfFile } from './end-of-file.ts';

export const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

export interface ServerProcess {
  url: string;
  child: ChildProcess;
  /** Resolves with the exit code, or the signal that ended it. */
  exited: Promise<number | string>;
}

/** Starts a program in a process group of its own, as a terminal does. */
export function start(command: readonly [string, ...string[]], env: Record<string, string>): ChildProcess {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    cwd: projectFolder,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  atEndOfFile(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    // The group, for npm has children of its own.
    process.kill(-(child.pid as number), 'SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

/** Starts a server and waits until it listens. */
export async function startProcess(
  command: readonly [string, ...string[]],
  env: Record<string, string>,
): Promise<ServerProcess> {
  const child = start(command, {
    PORT: '0',
    LOG_LEVEL: 'info',
    RATE_LIMIT: 'off',
    UPLOAD_RATE_LIMIT: 'off',
    ...env,
  });
  const exited = exitOf(child);
  const stderr = textOf(child.stderr);
  const url = new Promise<string>((resolve) => {
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
    lines.on('line', (line) => {
      const listening = /listening at (http:[^"\s]+)/.exec(line)?.[1];
      if (listening) resolve(listening);
    });
  });
  const first = await Promise.race([url, exited.then(async (code) => ({ code, stderr: await stderr }))]);
  if (typeof first !== 'string') throw new Error(`the server ended with ${first.code}: ${first.stderr}`);
  return { url: first, child, exited };
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

/** Command lines of all processes that mention `text`, by process id. */
export async function processesMentioning(text: string): Promise<Map<number, string>> {
  const found = new Map<number, string>();
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (line.includes(text) && Number(pid) !== process.pid)
      found.set(Number(pid), line.replaceAll('\0', ' '));
  }
  return found;
}
