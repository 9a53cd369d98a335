/** What the starters of PostgreSQL and of the S3 server share: programs with their last output, and a folder of their own. */
import { type ChildProcess, execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { type Command, killGroup, startProgram } from './server-process.ts';

const KEPT_OUTPUT = 4000;

export interface EngineProcess {
  child: ChildProcess;
  /** Returns the end of what it has written. */
  output(): string;
  /** Resolves when it has ended. */
  exited: Promise<void>;
}

/** Starts a program of an engine and keeps the end of its output. */
export function startEngineProcess(command: Command, env: Record<string, string> = {}): EngineProcess {
  const child = startProgram(command, env);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      text = (text + String(chunk)).slice(-KEPT_OUTPUT);
    });
  }
  const exited = once(child, 'exit').then(
    () => {},
    (error: unknown) => {
      text += String(error);
    },
  );
  return { child, output: () => text, exited };
}

/** Kills a program with its process group and waits until it has ended. */
export async function endEngineProcess({ child, exited }: EngineProcess): Promise<void> {
  killGroup(child);
  await exited;
}

/**
 * Runs a program to its end.
 *
 * @throws {Error} with what it wrote to standard error, when it fails or takes more than 30 s.
 */
export async function runToEnd([file, ...args]: Command, env: Record<string, string> = {}): Promise<string> {
  const options = { env: { ...process.env, ...env }, timeout: 30_000 };
  const { stdout } = await promisify(execFile)(file, args, options);
  return stdout;
}

export interface EngineFolder {
  path: string;
  remove(): Promise<void>;
}

/**
 * Makes a folder for the data of an engine. It is also removed when this process exits.
 *
 * @param parent a folder instead of the system's temporary one.
 */
export async function engineFolder(name: string, parent?: string): Promise<EngineFolder> {
  const folder = await mkdtemp(
    parent === undefined ? path.join(tmpdir(), `audio-streaming-${name}-`) : path.join(parent, `${name}-`),
  );
  const options = { recursive: true, force: true, maxRetries: 3 };
  const removeWithUs = () => rmSync(folder, options);
  process.once('exit', removeWithUs);
  return {
    path: folder,
    async remove() {
      process.off('exit', removeWithUs);
      await rm(folder, options);
    },
  };
}

/**
 * Repeats `attempt` until it resolves with something.
 *
 * @throws {Error} with the engine's output, when it ends before or after `timeoutMs`.
 */
export async function untilReady<T>(
  attempt: () => Promise<T | undefined>,
  { what, engine, timeoutMs = 30_000 }: { what: string; engine: EngineProcess; timeoutMs?: number },
): Promise<T> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const result = await attempt();
    if (result !== undefined) return result;
    const { pid, exitCode, signalCode } = engine.child;
    const hasEnded = pid === undefined || exitCode !== null || signalCode !== null;
    if (hasEnded || Date.now() > end) {
      throw new Error(`${what} ${hasEnded ? 'has ended' : 'is not ready'}: ${engine.output()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Returns the path of a program: on the PATH, where Debian keeps servers, or where it keeps those of PostgreSQL. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', ...postgresFolders()];
  return folders.map((folder) => path.join(folder, name)).find((file) => existsSync(file));
}

/** Newest version first. */
function postgresFolders(): string[] {
  const parent = '/usr/lib/postgresql';
  if (!existsSync(parent)) return [];
  return readdirSync(parent)
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => path.join(parent, version, 'bin'));
}
