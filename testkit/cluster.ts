/** Several nodes on one database and one bucket, as processes of the built server. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { ListObjectsV2Command } from '@aws-sdk/client-s3';
import pg from 'pg';
import { type ClusterNode, clusterNode, type EngineSettings, type NodeOptions } from './cluster-node.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';
import { type S3Server, s3Client, startS3 } from './s3-server.ts';

export interface Engines {
  postgres: PostgresServer;
  s3: S3Server;
  remove(): Promise<void>;
}

/** Starts a PostgreSQL and an S3 server for clusters. */
export async function startEngines(options: { durable?: boolean } = {}): Promise<Engines> {
  const starting = [startPostgres(options), startS3()] as const;
  const settled = await Promise.allSettled(starting);
  const remove = async () => {
    await Promise.all(settled.map(async (each) => each.status === 'fulfilled' && each.value.remove()));
  };
  const failed = settled.find((each) => each.status === 'rejected');
  if (failed) {
    await remove();
    throw failed.reason;
  }
  const [postgres, s3] = await Promise.all(starting);
  return { postgres, s3, remove };
}

export interface Cluster {
  nodes: ClusterNode[];
  /** Returns a node by its name. @throws {Error} when there is none. */
  node(name: string): ClusterNode;
  /** Starts a further node. */
  add(options: NodeOptions): Promise<ClusterNode>;
  /** Asks the database itself, past all proxies. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  /** Lists the keys of all objects in the bucket, past all proxies. */
  objects(): Promise<string[]>;
  /** Settings of all nodes, with the addresses of the engines themselves. */
  settings: EngineSettings;
  /** Kills all nodes and removes their folders. The engines stay. */
  close(): Promise<void>;
}

export interface ClusterOptions {
  nodes: NodeOptions[];
  /** Settings of all nodes. */
  env?: Record<string, string>;
}

/** Starts nodes at the same time on a fresh database and a fresh bucket. */
export async function startCluster(
  { postgres, s3 }: Pick<Engines, 'postgres' | 's3'>,
  { nodes: options, env = {} }: ClusterOptions,
): Promise<Cluster> {
  const [DATABASE_URL, bucket] = await Promise.all([postgres.createDatabase(), s3.createBucket()]);
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-cluster-'));
  const engines = { ...env, ...s3.env, DATABASE_URL, S3_BUCKET: bucket };
  const client = s3Client(s3.env);
  const nodes: ClusterNode[] = [];
  const prepare = async (each: NodeOptions) => {
    const node = await clusterNode(each, { engines, dataDir: path.join(folder, each.name) });
    nodes.push(node);
    return node;
  };
  const close = async () => {
    await Promise.all(nodes.map((node) => node.remove()));
    client.destroy();
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    for (const each of options) await prepare(each);
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    nodes,
    node(name) {
      const found = nodes.find((node) => node.name === name);
      if (!found) throw new Error(`there is no node "${name}"`);
      return found;
    },
    async add(each) {
      const node = await prepare(each);
      await node.start();
      return node;
    },
    query: (sql, values) => query(DATABASE_URL, sql, values),
    objects: () => objectsIn(client, bucket),
    settings: engines,
    close,
  };
}

/** Opens a connection for one statement, for the database may have been restarted since the last. */
async function query<Row extends pg.QueryResultRow>(url: string, sql: string, values: unknown[] = []) {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

async function objectsIn(client: ReturnType<typeof s3Client>, Bucket: string): Promise<string[]> {
  const keys: string[] = [];
  for (let token: string | undefined, isLast = false; !isLast; ) {
    const page = await client.send(new ListObjectsV2Command({ Bucket, ContinuationToken: token }));
    for (const { Key } of page.Contents ?? []) if (Key !== undefined) keys.push(Key);
    token = page.NextContinuationToken;
    isLast = token === undefined;
  }
  return keys;
}
