/** Runs programs of the ffmpeg family. The launcher gives each a process group of its own, which ends as a whole. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

const STDERR_BYTES = 8 * 1024;

export interface ToolProcess {
  /** Must be read, or the process stands still. */
  stdout: Readable;
  /** Resolves when the process has ended and its output is closed. */
  ended: Promise<ToolEnd>;
}

export interface ToolEnd {
  /** Null if a signal ended it, or it never began. */
  code: number | null;
  /** The end of its standard error. */
  stderr: string;
  timedOut: boolean;
}

/** Starts a program; `signal` and the wall-clock limit kill its whole group. */
function startTool(
  executable: string,
  args: readonly string[],
  limits: { signal: AbortSignal; timeoutMs: number },
): ToolProcess {
  const child = spawn(executable, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let stderr = '';
  let timedOut = false;
  const kill = () => killGroup(child, 'SIGKILL');
  const timeout = setTimeout(() => {
    timedOut = true;
    kill();
  }, limits.timeoutMs);
  limits.signal.addEventListener('abort', kill, { once: true });
  if (limits.signal.aborted) kill();
  child.stderr.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-STDERR_BYTES);
  });
  child.once('exit', () => killGroup(child, 'SIGKILL'));
  child.once('error', (error) => {
    stderr += error.message;
  });
  const ended = new Promise<ToolEnd>((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timeout);
      limits.signal.removeEventListener('abort', kill);
      // Node reports a program that did not start as a negative number.
      resolve({ code: code !== null && code >= 0 ? code : null, stderr, timedOut });
    });
  });
  return { stdout: child.stdout, ended };
}

export interface ToolReport extends ToolEnd {
  /** The end of its standard output. */
  output: string;
  /** It printed more than it may, and was stopped. */
  isOverflowing: boolean;
}

export interface ToolLimits {
  signal: AbortSignal;
  /** Wall-clock limit. */
  timeoutMs: number;
  /** The most that it may print, in bytes. */
  maxOutputBytes: number;
  /** Bytes of the end of the output to keep; all by default. */
  keptBytes?: number;
  /** How to decode the output; UTF-8 by default. */
  encoding?: 'utf8' | 'latin1';
}

/**
 * Runs a program to its end, in bounded memory.
 *
 * @throws the signal's reason when it was aborted; the whole process group has ended by then.
 */
export async function runTool(
  executable: string,
  args: readonly string[],
  { signal, timeoutMs, maxOutputBytes, keptBytes = maxOutputBytes, encoding = 'utf8' }: ToolLimits,
): Promise<ToolReport> {
  const overflow = new AbortController();
  const { stdout, ended } = startTool(executable, args, {
    signal: AbortSignal.any([signal, overflow.signal]),
    timeoutMs,
  });
  const kept: Buffer[] = [];
  let keptLength = 0;
  let printed = 0;
  for await (const chunk of stdout as AsyncIterable<Buffer>) {
    printed += chunk.length;
    if (printed > maxOutputBytes) overflow.abort();
    kept.push(chunk);
    keptLength += chunk.length;
    while (keptLength - (kept[0]?.length ?? 0) >= keptBytes) keptLength -= kept.shift()?.length ?? 0;
  }
  const end = await ended;
  signal.throwIfAborted();
  const output = Buffer.concat(kept).subarray(-keptBytes).toString(encoding);
  return { ...end, output, isOverflowing: overflow.signal.aborted };
}

/**
 * Sends a signal to a process that leads a group, and to all of the group, also those that the leader left behind: a bubblewrap
 * that is stopped early leaves a child. To be called only until the output of the group is closed, for its number may belong to
 * another group after that.
 */
export function killGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group is gone, or there is none: on Windows, and in the first instant.
    child.kill(signal);
  }
}

/**
 * Sends a signal to a process group, by the process that leads it. Does nothing where the group has ended, or the system has no
 * process groups (Windows).
 */
export function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // There is no such group.
  }
}
