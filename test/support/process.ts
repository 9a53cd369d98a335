/** Programs of a test's own, such as the real server, to be stopped and killed. They end with the test file. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  type Command,
  killGroup,
  type ServerProcess,
  startProgram,
  startServerProcess,
} from '../../testkit/server-process.ts';
import { atEndOfFile } from './end-of-file.ts';
import { NO_LIMITS } from './server.ts';

export {
  exitOf,
  processesMentioning,
  projectFolder,
  type ServerProcess,
  textOf,
} from '../../testkit/server-process.ts';

/** Starts a program in a process group of its own. */
export function start(command: Command, env: Record<string, string>): ChildProcess {
  return ended(startProgram(command, { NODE_ENV: 'production', ...env }));
}

/** Starts a server and waits until it listens. It analyses nothing, where `env` does not say so. */
export function startProcess(command: Command, env: Record<string, string>): Promise<ServerProcess> {
  const settings = { NODE_ENV: 'production', ANALYSIS: 'false', ...NO_LIMITS, ...env };
  return startServerProcess(command, settings, ended);
}

function ended(child: ChildProcess): ChildProcess {
  atEndOfFile(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    killGroup(child);
    await once(child, 'exit');
  });
  return child;
}
