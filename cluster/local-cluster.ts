/** A PostgreSQL, an S3 server, one API node, two encode nodes and nginx on the loopback, with all data in one temporary folder. */
import { chmod, mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { engineFolder } from '../testkit/engine-process.ts';
import { startPostgres } from '../testkit/postgres-server.ts';
import { startS3 } from '../testkit/s3-server.ts';
import { processesMentioning } from '../testkit/server-process.ts';
import { type LocalNode, startNode } from './local-node.ts';
import { startNginx } from './nginx.ts';
import { createRunning, type Running } from './running.ts';

/** How long the end waits for processes that were killed, and for what they have started. */
const KILLED_WITHIN_MS = 2000;

export interface LocalCluster {
  /** Address of the page, without a slash at its end. */
  url: string;
  nodes: LocalNode[];
  databaseUrl: string;
  s3: { endpoint: string; bucket: string };
  logFolder: string;
  /** Kills everything and removes all data. */
  close(): Promise<void>;
}

export interface LocalClusterOptions {
  /** Of nginx. */
  port: number;
  /** Path of nginx. */
  nginx: string;
  /** Gets a line for each thing that happens to a node or a track. */
  say(line: string): void;
  /** Stops the start. */
  signal: AbortSignal;
}

/**
 * Starts the cluster. The nodes get the settings of this process but for their places.
 *
 * @throws {Error} when something does not start, or `signal` aborts. Nothing is left then.
 */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const folder = await engineFolder('cluster');
  options.say(`Starting PostgreSQL, an S3 server, three nodes and nginx. All data is in ${folder.path}.`);
  const running = createRunning(options);
  const close = async () => {
    await running.end();
    await untilNothingMentions(folder.path);
    await folder.remove();
  };
  try {
    return { ...(await startAll(folder.path, running, options)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startAll(
  folder: string,
  running: Running,
  { port, nginx, say }: LocalClusterOptions,
): Promise<Omit<LocalCluster, 'close'>> {
  // PostgreSQL runs as another user than root.
  await chmod(folder, 0o711);
  const logFolder = path.join(folder, 'logs');
  await mkdir(logFolder);
  const [postgres, s3] = await running.all(
    startPostgres({ durable: false, parent: folder }),
    startS3({ parent: folder }),
  );
  const bucket = await s3.createBucket();
  const engines = { ...postgres.env, ...s3.env, S3_BUCKET: bucket };
  const each = { folder, logFolder, engines, say };
  // Two encode nodes share the processors.
  const CONCURRENCY = process.env.CONCURRENCY ?? String(Math.ceil(availableParallelism() / 2));
  const nodes = await running.all(
    startNode({ ...each, name: 'api', role: 'api', env: { TRUST_PROXY: '127.0.0.1' } }),
    startNode({ ...each, name: 'encode-1', role: 'encode', env: { CONCURRENCY } }),
    startNode({ ...each, name: 'encode-2', role: 'encode', env: { CONCURRENCY } }),
  );
  const [front] = await running.all(startNginx(nginx, { folder, logFolder, port, upstream: nodes[0].url }));
  return {
    url: front.url,
    nodes,
    databaseUrl: postgres.url,
    s3: { endpoint: s3.env.S3_ENDPOINT, bucket },
    logFolder,
  };
}

/** Waits until what a killed node had started has noticed, for it may still write. */
async function untilNothingMentions(folder: string): Promise<void> {
  const end = Date.now() + KILLED_WITHIN_MS;
  while ((await processesMentioning(folder)).size > 0 && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
