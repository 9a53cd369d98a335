/** One node of the cluster: a process of the built server, with a log file, that says what people want to see of it. */
import type { ChildProcess } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { BUILT_SERVER, exitOf, killGroup, startServerProcess } from '../testkit/server-process.ts';
import { endOf, takenTrack } from './lines.ts';

export interface LocalNode {
  name: string;
  role: 'api' | 'encode';
  pid: number;
  /** Without a slash at its end. */
  url: string;
  /** Kills it. */
  remove(): Promise<void>;
}

export interface LocalNodeOptions {
  name: string;
  role: 'api' | 'encode';
  /** Of the cluster; the node's scratch space is a folder in it. */
  folder: string;
  logFolder: string;
  /** Settings that name the database and the bucket. */
  engines: Record<string, string>;
  /** More settings. */
  env: Record<string, string>;
  say(line: string): void;
}

/**
 * Starts a node and waits until it listens.
 *
 * @throws {Error} with what it wrote to standard error, when it ends before that.
 */
export async function startNode(options: LocalNodeOptions): Promise<LocalNode> {
  const { name, role, folder, logFolder, engines, env, say } = options;
  const settings = {
    NODE_ENV: 'production',
    ...engines,
    ROLE: role,
    NODE_NAME: name,
    DATA_DIR: path.join(folder, name),
    ...env,
  };
  const { child, url, exited } = await startServerProcess(BUILT_SERVER, settings, (started) =>
    follow(started, { name, logFile: path.join(logFolder, `${name}.log`), say }),
  );
  const pid = child.pid as number;
  let isOurs = false;
  void exited.then((how) => {
    if (!isOurs) say(endOf({ name, role, pid }, how));
  });
  return {
    name,
    role,
    pid,
    url,
    async remove() {
      isOurs = true;
      killGroup(child);
      await exited;
    },
  };
}

/** Writes the log of a node to its file, and says when the node begins to encode a track. */
function follow(
  child: ChildProcess,
  { name, logFile, say }: { name: string; logFile: string; say(line: string): void },
): void {
  const file = createWriteStream(logFile, { flags: 'a' });
  for (const output of [child.stdout, child.stderr]) output?.on('data', (chunk) => file.write(chunk));
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    const filename = takenTrack(line);
    if (filename !== undefined) say(`${name} (pid ${child.pid}) encodes ${filename}.`);
  });
  void exitOf(child).then(() => file.end());
}
