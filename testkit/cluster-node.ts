/** One node of a cluster: a process of the built server that reaches its engines through proxies of its own. */
import type { ChildProcess } from 'node:child_process';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { type NodeLog, nodeLog } from './node-log.ts';
import { freePort } from './ports.ts';
import type { BucketEnv } from './s3-server.ts';
import { BUILT_SERVER, type Command, exitOf, killGroup, startServerProcess } from './server-process.ts';

export interface NodeOptions {
  name: string;
  role: 'all' | 'api' | 'encode';
  /** More settings. */
  env?: Record<string, string>;
  /** Instead of the built server. */
  command?: Command;
}

export interface ClusterNode {
  name: string;
  /** Without a slash at its end; the same after every start. */
  url: string;
  dataDir: string;
  /** Between this node and PostgreSQL. */
  database: FaultProxy;
  /** Between this node and S3. */
  s3: FaultProxy;
  log: NodeLog;
  readonly isAlive: boolean;
  readonly pid: number | undefined;
  /** When it was started last, by `performance.now()`. */
  readonly startedAt: number;
  /** Starts it and waits until it listens. @throws {Error} with what it wrote to standard error, when it ends before. */
  start(): Promise<void>;
  /** Sends SIGTERM and resolves with the exit code, or with the signal that ended it. */
  stop(): Promise<number | string>;
  /** Sends SIGKILL and waits until it has ended. */
  kill(): Promise<void>;
  /** Sends SIGSTOP to the server, and to nothing that it started. */
  freeze(): void;
  thaw(): void;
  /** Kills it and closes its proxies. */
  remove(): Promise<void>;
}

/** Settings of all nodes, with the addresses of the engines themselves. */
export type EngineSettings = BucketEnv & { DATABASE_URL: string } & Record<string, string>;

/** Prepares a node without starting it. */
export async function clusterNode(
  { name, role, env = {}, command = BUILT_SERVER }: NodeOptions,
  { engines, dataDir }: { engines: EngineSettings; dataDir: string },
): Promise<ClusterNode> {
  const [database, s3, port] = await Promise.all([
    startFaultProxy(Number(new URL(engines.DATABASE_URL).port)),
    startFaultProxy(Number(new URL(engines.S3_ENDPOINT).port)),
    freePort(),
  ]);
  const settings = {
    NODE_ENV: 'production',
    RATE_LIMIT: 'off',
    UPLOAD_RATE_LIMIT: 'off',
    ...engines,
    DATABASE_URL: throughPort(engines.DATABASE_URL, database.port),
    S3_ENDPOINT: throughPort(engines.S3_ENDPOINT, s3.port),
    DATA_DIR: dataDir,
    ROLE: role,
    NODE_NAME: name,
    PORT: String(port),
    ...env,
  };
  const log = nodeLog();
  let child: ChildProcess | undefined;
  let exited: Promise<number | string> | undefined;
  let startedAt = 0;
  const isAlive = () => child?.pid !== undefined && child.exitCode === null && child.signalCode === null;
  const kill = async () => {
    // Only the server: what it has started must notice by itself. A frozen process ends as well.
    child?.kill('SIGKILL');
    await exited;
  };
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    dataDir,
    database,
    s3,
    log,
    get isAlive() {
      return isAlive();
    },
    get pid() {
      return child?.pid;
    },
    get startedAt() {
      return startedAt;
    },
    async start() {
      await startServerProcess(command, settings, (started) => {
        child = started;
        startedAt = performance.now();
        exited = exitOf(started);
        for (const output of [started.stdout, started.stderr]) if (output) log.collect(output);
      });
    },
    async stop() {
      child?.kill('SIGTERM');
      return exited ?? 'never started';
    },
    kill,
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    async remove() {
      if (child) killGroup(child);
      await exited;
      await Promise.all([database.close(), s3.close()]);
    },
  };
}

function throughPort(address: string, port: number): string {
  const url = new URL(address);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return url.href.replace(/\/$/, '');
}
