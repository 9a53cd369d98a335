/**
 * Kills nodes of a cluster at random instants while clients upload, play and delete, starts them again, and checks what is left:
 * every track that was accepted is ready and exact, and nothing else is in the bucket.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Cluster, type Engines, startCluster } from '../../testkit/cluster.ts';
import type { ClusterNode } from '../../testkit/cluster-node.ts';
import { assertExact, untilReady } from '../exact.ts';
import type { ListedTrack } from '../on-timeline.ts';
import { seeded } from '../server.ts';
import { makeSources } from '../sources.ts';
import { submit } from '../submit.ts';
import { type Clients, client, type Known } from './kill-clients.ts';
import { emptyReport, type KillReport } from './kill-report.ts';
import { check, eventually, pause } from './scenario.ts';
import { tidy } from './tidy.ts';

const CLIENTS = 4;
const LATEST_KILL_MS = 2500;
/** Share of the kills that come while the node starts. */
const AT_START = 0.15;
const LONGEST_START_MS = 500;
const READY_AGAIN_MS = 30_000;

export interface KillOptions {
  kills: number;
  seed: number;
  formats?: number;
  log(line: string): void;
}

/** Runs the kills on three nodes that encode. */
export async function clusterKills(
  engines: Pick<Engines, 'postgres' | 's3'>,
  options: KillOptions,
): Promise<KillReport> {
  const report = emptyReport();
  const random = seeded(options.seed);
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-kills-'));
  const sources = await makeSources(folder, options.formats);
  const cluster = await startCluster(engines, {
    nodes: ['a', 'b', 'c'].map((name) => ({ name, role: 'all' })),
    env: { AUDIO_LADDER: 'aac@64k,aac@128k' },
  });
  const known: Known = {
    tracks: new Map(),
    maybeDeleted: new Set(),
    deleted: new Set(),
    unwanted: new Set(),
    unanswered: [],
  };
  const stopping = new AbortController();
  const clients: Clients = {
    nodes: cluster.nodes,
    sources,
    random,
    known,
    report,
    signal: stopping.signal,
  };
  try {
    const working = Array.from({ length: CLIENTS }, () => client(clients));
    await killAtRandom(cluster.nodes, { ...options, random, report });
    stopping.abort();
    await Promise.all(working);
    if (report.failures.length === 0) {
      await judge(cluster, { clients, folder }).catch((error: unknown) => {
        report.failures.push(String(error));
      });
    }
  } finally {
    stopping.abort();
    await cluster.close();
    await rm(folder, { recursive: true, force: true });
  }
  return report;
}

interface Killing extends KillOptions {
  random: () => number;
  report: KillReport;
}

/** Kills one node after the other; each starts again at once. Returns when all of them are up. */
async function killAtRandom(nodes: readonly ClusterNode[], killing: Killing) {
  const { kills, random, report, log } = killing;
  const starts = new Map<ClusterNode, Promise<void>>();
  while (report.kills < kills && report.failures.length === 0) {
    await pause(random() * LATEST_KILL_MS);
    const node = nodes[Math.floor(random() * nodes.length)] as ClusterNode;
    await starts.get(node);
    if (!node.isAlive) {
      report.failures.push(`${node.name} has ended by itself: ${lastWords(node)}`);
      break;
    }
    await node.kill();
    report.kills++;
    const starting = startAgain(node, killing).catch((error: unknown) => {
      report.failures.push(`${node.name} does not start: ${error}`);
    });
    starts.set(node, starting);
    if (report.kills % 20 === 0) {
      log(`${report.kills} kills, ${report.acknowledged} uploads, ${report.failures.length} failures`);
    }
  }
  await Promise.all(starts.values());
}

/** Starts a node; some starts are killed at a random instant, and made again. */
async function startAgain(node: ClusterNode, killing: Killing): Promise<void> {
  const { random, report } = killing;
  const isKilled = random() < AT_START;
  const starting = node.start();
  if (!isKilled) return starting;
  starting.catch(() => {});
  await pause(random() * LONGEST_START_MS);
  await node.kill();
  report.kills++;
  report.killedAtStart++;
  await starting.catch(() => {});
  return startAgain(node, killing);
}

function lastWords({ log }: ClusterNode): string {
  return log.lines
    .slice(-5)
    .map(({ msg }) => msg)
    .join('; ');
}

/** Checks what the nodes tell, every track, and then the bucket. */
async function judge(cluster: Cluster, { clients, folder }: { clients: Clients; folder: string }) {
  const { known, report } = clients;
  const [node, other] = cluster.nodes as [ClusterNode, ClusterNode];
  await eventually(READY_AGAIN_MS, async () => {
    for (const { url, name } of cluster.nodes) {
      const { status } = await fetch(`${url}/readyz`);
      check(status === 200, `${name} is not ready: ${status}`);
    }
  });
  await sendAgain(clients, node);
  await assertListed(cluster, known);
  for (const filename of known.tracks.keys()) {
    const track = await untilReady(other.url, filename);
    const renditions = await assertExact(node.url, track, folder);
    report.decoded += renditions;
    report.samples += renditions * track.samples;
  }
  for (const each of cluster.nodes) check((await each.stop()) === 0, `${each.name} does not stop by SIGTERM`);
  const { removed, findings } = await tidy(cluster, folder);
  report.swept = removed;
  report.failures.push(...findings);
}

/** Sends again what got no answer: it is there as a whole, or not at all. */
async function sendAgain({ known, report }: Clients, node: ClusterNode): Promise<void> {
  for (const file of known.unanswered) {
    const { status, body } = await submit(node.url, file, 'false');
    if (status === 200) report.unansweredThere++;
    else if (status === 201 || status === 202) report.unansweredGone++;
    else report.failures.push(`${file.name}, sent again, is answered with ${status} ${body.code}`);
    if (status < 300) known.tracks.set(body.filename, file);
  }
}

/** Checks that every node lists what was accepted and not deleted, and nothing else. */
async function assertListed(cluster: Cluster, known: Known): Promise<void> {
  for (const { url, name } of cluster.nodes) {
    const listed = await listAll(url);
    for (const filename of known.tracks.keys()) {
      if (known.maybeDeleted.has(filename) && !listed.has(filename)) known.tracks.delete(filename);
      else check(listed.has(filename), `${filename} was accepted and is not listed on ${name}`);
    }
    for (const [filename, status] of listed) {
      check(known.tracks.has(filename), `${filename} is listed on ${name}, and nobody was promised it`);
      check(status !== 'failed', `${filename} has failed`);
    }
  }
}

async function listAll(url: string): Promise<Map<string, string>> {
  const response = await fetch(`${url}/files`);
  const body = (await response.json()) as { files?: ListedTrack[] } | ListedTrack[];
  const tracks = Array.isArray(body) ? body : (body.files ?? []);
  return new Map(tracks.map(({ filename, status }) => [filename, status]));
}
