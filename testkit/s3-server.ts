/** A real S3 server of its own on the loopback: Ceph's RADOS gateway with one monitor and one OSD that keeps all in memory. */
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { state as sdkState } from '@aws-sdk/core/client';
import {
  type EngineProcess,
  endEngineProcess,
  engineFolder,
  findProgram,
  runToEnd,
  startEngineProcess,
  untilReady,
} from './engine-process.ts';
import { freePorts } from './ports.ts';

const PROGRAMS = ['ceph-mon', 'ceph-osd', 'ceph', 'monmaptool', 'radosgw', 'radosgw-admin'];

/** Settings of the server under test. */
export interface S3Settings {
  S3_ENDPOINT: string;
  S3_REGION: string;
  S3_ACCESS_KEY_ID: string;
  S3_SECRET_ACCESS_KEY: string;
}

/** Settings of the server under test, with a bucket. */
export type BucketEnv = S3Settings & { S3_BUCKET: string };

/** Returns the settings of a bucket as the storage takes them. */
export function bucketOptions(env: BucketEnv) {
  return {
    bucket: env.S3_BUCKET,
    endpoint: env.S3_ENDPOINT,
    region: env.S3_REGION,
    accessKeyId: env.S3_ACCESS_KEY_ID,
    secretAccessKey: env.S3_SECRET_ACCESS_KEY,
  };
}

export interface S3Server {
  env: S3Settings;
  port: number;
  /** Makes an empty bucket and resolves with its name. */
  createBucket(): Promise<string>;
  /** Kills it; what it held is gone. */
  remove(): Promise<void>;
}

/** Says whether the programs of Ceph are installed. */
export function hasS3(): boolean {
  return PROGRAMS.every((name) => findProgram(name) !== undefined);
}

/**
 * Starts the S3 server on a free port, or on `port`.
 *
 * @param options.parent a folder for its own folder, instead of the system's temporary one.
 */
export async function startS3(options: { port?: number; parent?: string } = {}): Promise<S3Server> {
  const folder = await engineFolder('s3', options.parent);
  const [monitorPort, freePort] = (await freePorts(2)) as [number, number];
  const port = options.port ?? freePort;
  const env = s3Settings(port);
  const started: EngineProcess[] = [];
  const remove = async () => {
    await Promise.all(started.map(endEngineProcess));
    await folder.remove();
  };
  try {
    await startCeph({ folder: folder.path, monitorPort, port, env, started });
  } catch (error) {
    await remove();
    throw error;
  }
  return { env, port, createBucket: () => createBucket(env), remove };
}

/** Returns the settings for the S3 server on a port of the loopback. */
export function s3Settings(port: number): S3Settings {
  return {
    S3_ENDPOINT: `http://127.0.0.1:${port}`,
    S3_REGION: 'us-east-1',
    S3_ACCESS_KEY_ID: 'AKTEST',
    S3_SECRET_ACCESS_KEY: 'SKTEST',
  };
}

/** Makes an empty bucket on an S3 server and resolves with its name. */
export async function createBucket(env: S3Settings): Promise<string> {
  const bucket = `test-${randomUUID()}`;
  const client = s3Client(env);
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  } finally {
    client.destroy();
  }
  return bucket;
}

/** Returns a client for a look at what is stored. */
export function s3Client(env: S3Settings): S3Client {
  // The SDK warns of its plans for versions of Node on standard error.
  sdkState.warningEmitted = true;
  return new S3Client({
    endpoint: env.S3_ENDPOINT,
    region: env.S3_REGION,
    credentials: { accessKeyId: env.S3_ACCESS_KEY_ID, secretAccessKey: env.S3_SECRET_ACCESS_KEY },
    forcePathStyle: true,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
}

interface Ceph {
  folder: string;
  monitorPort: number;
  port: number;
  env: S3Settings;
  /** Gets what was started, also when the start fails. */
  started: EngineProcess[];
}

async function startCeph({ folder, monitorPort, port, env, started }: Ceph): Promise<void> {
  const cluster = randomUUID();
  const osd = randomUUID();
  const at = (name: string) => path.join(folder, name);
  const find = (program: string) => findProgram(program) ?? program;
  const conf = at('ceph.conf');
  const run = (program: string, ...args: string[]) => runToEnd([find(program), '-c', conf, ...args]);
  const launch = (program: string, ...args: string[]) => {
    const engine = startEngineProcess([find(program), '-c', conf, ...args, '-f']);
    started.push(engine);
    return engine;
  };

  await Promise.all(['mon', 'osd', 'run', 'rgw'].map((name) => mkdir(at(name))));
  await writeFile(conf, configuration({ folder, cluster, monitorPort, port }));
  const monitorAddress = `[v2:127.0.0.1:${monitorPort}]`;
  const monmap = at('monmap');
  await run('monmaptool', '--create', '--addv', 'a', monitorAddress, '--fsid', cluster, monmap);
  await run('ceph-mon', '--mkfs', '-i', 'a', '--monmap', monmap);
  launch('ceph-mon', '-i', 'a');
  await Promise.all([
    run('ceph', 'osd', 'new', osd),
    run('ceph-osd', '-i', '0', '--mkfs', '--osd-uuid', osd),
  ]);
  launch('ceph-osd', '-i', '0');
  // Waits by itself until the OSD is there, for it makes the pools.
  const { S3_ACCESS_KEY_ID: key, S3_SECRET_ACCESS_KEY: secret } = env;
  const user = ['--uid=test', '--display-name=test', `--access-key=${key}`, `--secret-key=${secret}`];
  await run('radosgw-admin', '-n', 'client.rgw', 'user', 'create', ...user);
  const gateway = launch('radosgw', '-n', 'client.rgw');
  const answers = async () =>
    fetch(env.S3_ENDPOINT, { signal: AbortSignal.timeout(1000) }).then(
      () => true,
      () => undefined,
    );
  await untilReady(answers, { what: 'radosgw', engine: gateway });
}

interface Places {
  folder: string;
  cluster: string;
  monitorPort: number;
  port: number;
}

function configuration({ folder, cluster, monitorPort, port }: Places): string {
  return `[global]
fsid = ${cluster}
mon host = [v2:127.0.0.1:${monitorPort}/0]
auth cluster required = none
auth service required = none
auth client required = none
mon allow pool size one = true
mon warn on pool no redundancy = false
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon max pg per osd = 1000
run dir = ${folder}/run
admin socket = ${folder}/run/$cluster-$name.asok
log file = /dev/null
mon cluster log file = /dev/null
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
[mon]
mon data = ${folder}/mon
mon data avail crit = 1
paxos propose interval = 0.01
paxos min wait = 0.001
mon tick interval = 1
mon initial members = a
[osd]
osd data = ${folder}/osd
osd objectstore = memstore
memstore device bytes = 4294967296
osd class load list = *
osd class default list = *
osd memory target = 536870912
[client]
keyring = ${folder}/keyring
[client.rgw]
rgw data = ${folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:${port} tcp_nodelay=1
rgw thread pool size = 64
rgw gc obj min wait = 60
rgw enable usage log = false
rgw run sync thread = false
`;
}
