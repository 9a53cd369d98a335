/** Measures nodes on PostgreSQL and S3 over one machine on its disk, side by side in the same run. All share the two cores. */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { type PostgresServer, startPostgres } from '../testkit/postgres-server.ts';
import { type S3Server, startS3 } from '../testkit/s3-server.ts';
import { firstInHand, get, remove, segmentUrls, untilReady, upload } from './client.ts';
import type { Inputs } from './inputs.ts';
import { makeRecords, makeRows, makeSample } from './library.ts';
import { median, report, seconds } from './report.ts';
import { countRequests } from './request-counter.ts';
import { wrk } from './rivals.ts';
import { AUTHORIZED, type BenchServer, startServer } from './server.ts';

const ROUNDS = 5;
const SEEKS = 9;
const TWENTY = 20;
const TRACKS = 100_000;
const MIB = 1024 ** 2;
/** What an idle pair of nodes costs is taken off for each second: a wrong rate would count several times. */
const IDLE_MS = 30_000;

/** The engines, with a database and a bucket for each group of nodes. */
interface Engines {
  postgres: PostgresServer;
  s3: S3Server;
  fresh(): Promise<Record<string, string> & { DATABASE_URL: string }>;
}

type Start = (name: string, settings?: Record<string, string>) => Promise<BenchServer>;

export async function measureCluster(inputs: Inputs): Promise<void> {
  const [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
  const fresh = async () => ({
    ...s3.env,
    DATABASE_URL: await postgres.createDatabase(),
    S3_BUCKET: await s3.createBucket(),
  });
  const start: Start = (name, settings = {}) =>
    startServer(inputs.folder, { DATA_DIR: path.join(inputs.folder, name), NODE_NAME: name, ...settings });
  try {
    await measureFirstSegments(inputs, start, { postgres, s3, fresh });
    await measureTwenty(inputs, start, { postgres, s3, fresh });
    await measureCosts(inputs, start, { postgres, s3, fresh });
    await measureLibrary(inputs, start, { postgres, s3, fresh });
  } finally {
    await Promise.all([postgres.remove(), s3.remove()]);
  }
}

async function withServers<T extends Record<string, BenchServer>>(
  servers: T,
  measure: (servers: T) => Promise<void>,
): Promise<void> {
  try {
    await measure(servers);
  } finally {
    await Promise.all(Object.values(servers).map((server) => server.stop()));
  }
}

async function measureFirstSegments(inputs: Inputs, start: Start, { fresh }: Engines): Promise<void> {
  const [together, apart] = [await fresh(), await fresh()];
  const servers = {
    disk: await start('disk'),
    all: await start('all', together),
    // Answers for what `all` encodes.
    other: await start('other', { ...together, ROLE: 'api' }),
    api: await start('api', { ...apart, ROLE: 'api' }),
    encode: await start('encode', { ...apart, ROLE: 'encode' }),
  };
  await withServers(servers, async ({ disk, all, other, api }) => {
    const song = await inputs.mp3('cluster-song.mp3', 4);
    const firstOn = async ({ url }: BenchServer) => {
      const uploaded = await upload(url, song);
      const ms = await firstInHand(url, uploaded);
      await remove(url, uploaded.track);
      return ms;
    };
    // The first uploads of a process compile its code.
    for (const server of [disk, all, api]) await firstOn(server);
    const times = { disk: [] as number[], all: [] as number[], api: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      times.disk.push(await firstOn(disk));
      times.all.push(await firstOn(all));
      times.api.push(await firstOn(api));
    }
    const over = (each: 'all' | 'api') =>
      `${(median(times[each]) / median(times.disk)).toFixed(2)}x (${seconds(median(times[each]))}; ${seconds(median(times.disk))})`;
    report({
      measure: 'last byte to first segment, a node on PostgreSQL and S3 over disk mode',
      result: over('all'),
      mustReach: 'at most 1.5x',
      aim: '1.2x',
    });
    report({
      measure: 'the same with separate API and encode nodes',
      result: over('api'),
      mustReach: 'at most 2x',
      aim: '1.5x',
    });
    await measureHot(song, disk, api);
    await measureAsked(inputs, all, other);
  });
}

async function measureHot(song: string, disk: BenchServer, api: BenchServer): Promise<void> {
  const hot = async ({ url }: BenchServer) => {
    const { track } = await upload(url, song, '?wait=ready');
    const [{ media }] = await segmentUrls(url, track);
    await get(media[3] as string);
    return media[3] as string;
  };
  const [onDisk, onApi] = [await hot(disk), await hot(api)];
  const rates = { disk: [] as number[], api: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    rates.disk.push(await wrk(onDisk));
    rates.api.push(await wrk(onApi));
  }
  report({
    measure: 'hot segment requests/s on an API node over disk mode',
    result: `${(median(rates.api) / median(rates.disk)).toFixed(2)}x (${median(rates.api).toFixed(0)}/s)`,
    mustReach: '0.95x',
    aim: '1.0x',
  });
}

/** Seeks by turns on the owner of a long track and on another node, each into a part that is not encoded yet. */
async function measureAsked(inputs: Inputs, owner: BenchServer, other: BenchServer): Promise<void> {
  const book = await inputs.mp3('cluster-book.mp3', 300);
  const { track } = await upload(owner.url, book);
  const times = { owner: [] as number[], other: [] as number[] };
  for (let seek = 0; seek < 2 * SEEKS; seek++) {
    const isOwn = seek % 2 === 0;
    const [{ media }] = await segmentUrls((isOwn ? owner : other).url, track);
    // Far from each other, and from the beginning, where the encode goes on.
    const address = media[Math.floor(media.length * (0.95 - seek * 0.025))] as string;
    times[isOwn ? 'owner' : 'other'].push(await get(address));
  }
  await remove(owner.url, track);
  report({
    measure: 'a segment that another node encodes over one of its own: time',
    result: `${(median(times.other) / median(times.owner)).toFixed(2)}x (${seconds(median(times.other))}; ${seconds(median(times.owner))})`,
    mustReach: 'at most 1.3x',
    aim: '1.1x',
  });
}

async function measureTwenty(inputs: Inputs, start: Start, { fresh }: Engines): Promise<void> {
  const song = await inputs.mp3('cluster-twenty.mp3', 1);
  const bytes = await readFile(song);
  const songs = await Promise.all(
    Array.from({ length: TWENTY }, async (_, n) => {
      const file = song.replace(/\.mp3$/, `-${n}.mp3`);
      await writeFile(file, Buffer.concat([bytes, Buffer.from(`song ${n}`)]));
      return file;
    }),
  );
  const readyWith = async (encoders: number): Promise<number> => {
    const engines = await fresh();
    const api = await start(`api-of-${encoders}`, { ...engines, ROLE: 'api' });
    const encode = { ...engines, ROLE: 'encode', CONCURRENCY: '1' };
    const others = await Promise.all(
      Array.from({ length: encoders }, (_, n) => start(`encode-${n}-of-${encoders}`, encode)),
    );
    const begin = performance.now();
    const uploaded = await Promise.all(songs.map((file) => upload(api.url, file)));
    await Promise.all(uploaded.map(({ track }) => untilReady(api.url, track)));
    const ms = performance.now() - begin;
    await Promise.all([api, ...others].map((server) => server.stop()));
    return ms;
  };
  const times = { one: [] as number[], two: [] as number[] };
  for (let round = 0; round < 2; round++) {
    times.one.push(await readyWith(1));
    times.two.push(await readyWith(2));
  }
  report({
    measure: '20 uploads until all are ready: two encode nodes (CONCURRENCY=1 each) faster than one',
    result: `${(median(times.one) / median(times.two)).toFixed(2)}x (${seconds(median(times.two))}; ${seconds(median(times.one))})`,
    mustReach: '1.5x',
    aim: '1.8x',
  });
}

async function onPostgres<Row>({ url }: PostgresServer, sql: string, values: string[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(sql, values);
  await client.end();
  return rows as Row[];
}

/** Counts what a track costs the engines, with an API node and an encode node. */
async function measureCosts(inputs: Inputs, start: Start, { postgres, s3, fresh }: Engines): Promise<void> {
  await onPostgres(postgres, `alter system set shared_preload_libraries = 'pg_stat_statements'`);
  await postgres.restart();
  await onPostgres(postgres, 'create extension pg_stat_statements');
  const engines = await fresh();
  const counter = await countRequests(s3.port);
  const shared = { ...engines, S3_ENDPOINT: counter.url };
  const servers = {
    api: await start('api-counted', { ...shared, ROLE: 'api' }),
    encode: await start('encode-counted', { ...shared, ROLE: 'encode' }),
  };
  const database = new URL(engines.DATABASE_URL).pathname.slice(1);
  const statements = async () => {
    const [row] = await onPostgres<{ count: string }>(
      postgres,
      `select coalesce(sum(calls), 0) as count from pg_stat_statements
       join pg_database on pg_database.oid = dbid where datname = $1`,
      [database],
    );
    return Number(row?.count);
  };
  const requests = () => Object.values(counter.counts()).reduce((sum, count) => sum + count, 0);
  await withServers(servers, async ({ api }) => {
    const song = await inputs.mp3('cluster-cost.mp3', 4);
    const copies = await Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        const file = song.replace(/\.mp3$/, `-${n}.mp3`);
        await copyFile(song, file);
        await writeFile(file, Buffer.from(`copy ${n}`), { flag: 'a' });
        return file;
      }),
    );
    await upload(api.url, song, '?wait=ready');
    const idleFrom = { at: performance.now(), count: await statements() };
    await pause(IDLE_MS);
    const idle = { ms: performance.now() - idleFrom.at, count: (await statements()) - idleFrom.count };
    const from = { at: performance.now(), statements: await statements(), requests: requests() };
    let segments = 0;
    for (const file of copies) {
      const { track } = await upload(api.url, file, '?wait=ready');
      const urls = await segmentUrls(api.url, track);
      segments += urls.reduce((sum, { media }) => sum + media.length + 1, 0);
    }
    const [asked, took] = [requests() - from.requests, performance.now() - from.at];
    const done = (await statements()) - from.statements - (idle.count / idle.ms) * took;
    report({
      measure: 'statements on PostgreSQL per track, from upload to ready (4 minutes, API and encode node)',
      result: `${(done / copies.length).toFixed(1)} (an idle pair of nodes: ${((idle.count * 1000) / idle.ms).toFixed(1)}/s)`,
      mustReach: 'at most 12',
      aim: '8',
    });
    report({
      measure: 'S3 requests per stored segment, originals and manifests included',
      result: `${(asked / segments).toFixed(3)} (${segments} segments)`,
      mustReach: 'at most 1.1',
      aim: '1.0',
    });
  });
  await counter.close();
}

async function measureLibrary(inputs: Inputs, start: Start, { fresh }: Engines): Promise<void> {
  const engines = await fresh();
  // The tables are made by the first start.
  await (await start('maker', engines)).stop();
  const dataDir = path.join(inputs.folder, 'disk-library');
  const sample = await makeSample(inputs);
  await makeRecords(dataDir, sample, TRACKS);
  await makeRows(engines.DATABASE_URL, sample, TRACKS);
  const servers = {
    disk: await start('disk-library', { DATA_DIR: dataDir }),
    node: await start('node-library', engines),
  };
  await withServers(servers, async ({ disk, node }) => {
    const list = async ({ url }: BenchServer) => {
      const begin = performance.now();
      await (await fetch(`${url}/files?limit=50`, { headers: AUTHORIZED })).arrayBuffer();
      return performance.now() - begin;
    };
    const times = { disk: [] as number[], node: [] as number[] };
    for (let round = 0; round < 100; round++) {
      times.disk.push(await list(disk));
      times.node.push(await list(node));
    }
    const tracks = TRACKS.toLocaleString('en');
    report({
      measure: `start of a node with ${tracks} tracks`,
      result: `${seconds(node.readyMs)} (disk mode: ${seconds(disk.readyMs)})`,
      mustReach: 'at most 1.5 s',
      aim: '0.6 s',
    });
    report({
      measure: '`GET /files?limit=50` there over disk mode',
      result: `${(median(times.node) / median(times.disk)).toFixed(2)}x (${median(times.node).toFixed(1)} ms)`,
      mustReach: 'at most 1.5x',
      aim: '1.0x',
    });
    report({
      measure: 'memory of the node',
      result: `${(((await node.residentBytes()) ?? 0) / MIB).toFixed(0)} MB (disk mode: ${(((await disk.residentBytes()) ?? 0) / MIB).toFixed(0)} MB)`,
      mustReach: 'at most 250 MB',
      aim: '150 MB',
    });
  });
}
