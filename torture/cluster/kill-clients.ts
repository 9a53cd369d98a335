/** Clients of a cluster whose nodes are killed. What a client was promised is written down. */
import type { ClusterNode } from '../../testkit/cluster-node.ts';
import { assertOnTimeline } from '../on-timeline.ts';
import type { SourceFile } from '../sources.ts';
import { submit, unlike } from '../submit.ts';
import type { KillReport } from './kill-report.ts';
import { pause } from './scenario.ts';

/** Most tracks to keep; the oldest are deleted above that. */
const KEPT = 10;

/** Knowledge of the clients. */
/** A node needs about a second to start. */
const REFUSED_MS = 100;

export interface Known {
  /** Tracks by file name that were acknowledged with 201 or 202. */
  tracks: Map<string, SourceFile>;
  /** Tracks after a DELETE without a response: they may exist or not. */
  maybeDeleted: Set<string>;
  /** Names of tracks that were deleted; another track may have such a name by now. */
  deleted: Set<string>;
  /** Files whose track somebody asked to delete. */
  unwanted: Set<SourceFile>;
  unanswered: SourceFile[];
}

export interface Clients {
  nodes: readonly ClusterNode[];
  sources: readonly SourceFile[];
  random: () => number;
  known: Known;
  report: KillReport;
  signal: AbortSignal;
}

let lastFile = 0;

/** Uploads, plays and deletes on nodes by chance, until `signal` aborts. */
export async function client(clients: Clients): Promise<void> {
  const { random, known, signal } = clients;
  while (!signal.aborted) {
    const chance = random();
    if (chance < 0.1) await uploadEverywhere(clients);
    else if (chance < 0.2) await uploadSameName(clients);
    else if (chance < 0.6) await uploadOne(clients);
    else if (chance < 0.9) await playOne(clients);
    else if (known.tracks.size > KEPT / 2) await deleteOldest(clients);
    if (known.tracks.size > KEPT) await deleteOldest(clients);
    // Nodes that are gone refuse at once.
    await pause(10);
  }
}

/**
 * Uploads a file and writes down the answer.
 *
 * @returns the name of the track; undefined when there is none, or nobody knows.
 */
async function add(
  { random, known, report }: Clients,
  node: ClusterNode,
  file: SourceFile,
): Promise<{ filename: string; isNew: boolean } | undefined> {
  const wait = ['false', 'true', 'ready'][Math.floor(random() * 3)] as string;
  const isSlow = random() < 0.5;
  const answer = await submit(node.url, file, wait, isSlow).catch((error: unknown) => error);
  // No server has seen it: the node starts. Sent again at the end, thousands of these would take an hour.
  if (codeOf(answer) === 'ECONNREFUSED') {
    await pause(REFUSED_MS);
    return undefined;
  }
  if (!isSubmitted(answer)) {
    if (!known.unanswered.includes(file)) known.unanswered.push(file);
    return undefined;
  }
  const { status, body } = answer;
  if (status === 503) {
    // Whether it was added before the node gave up waiting for it, nobody has said.
    report.refused++;
    if (!known.unanswered.includes(file)) known.unanswered.push(file);
    return undefined;
  }
  // The same bytes were answered earlier on another node, and deleted since.
  if (status === 410 && known.unwanted.has(file)) return undefined;
  if (status !== 200 && status !== 201 && status !== 202) {
    report.failures.push(`${file.name} on ${node.name} is answered with ${status} ${body.code}`);
    return undefined;
  }
  if (!known.tracks.has(body.filename)) report.acknowledged++;
  if (isSlow) report.slowly++;
  known.tracks.set(body.filename, file);
  return { filename: body.filename, isNew: status !== 200 };
}

async function uploadOne(clients: Clients): Promise<void> {
  await add(clients, anyNode(clients), newFile(clients));
}

/** Uploads the same bytes on every node at once: they are one track. */
async function uploadEverywhere(clients: Clients): Promise<void> {
  const { nodes, known, report } = clients;
  const file = newFile(clients);
  const added = (await Promise.all(nodes.map((node) => add(clients, node, file)))).filter(isThere);
  const names = new Set(added.map(({ filename }) => filename));
  // Between two of them the track may be deleted: then the bytes come anew, and the old name is still being freed.
  const isAnew = known.unwanted.has(file);
  if (names.size > 1 && !isAnew) report.failures.push(`the same bytes are ${[...names].join(' and ')}`);
  if (added.length > 1) report.sameBytes++;
}

/** Uploads the same name with other bytes on two nodes at once: they are two tracks. */
async function uploadSameName(clients: Clients): Promise<void> {
  const { nodes, known, report } = clients;
  const files = [newFile(clients), newFile(clients)] as const;
  const name = `same-${files[0].name}`;
  const added = await Promise.all(
    files.map((file, index) => add(clients, nodes[index] as ClusterNode, { ...file, name })),
  );
  const [one, two] = added;
  if (one && two) {
    report.sameNames++;
    // The first one may be deleted before the second one is added.
    const isFreed = known.deleted.has(one.filename) || known.maybeDeleted.has(one.filename);
    if (one.filename === two.filename && !isFreed)
      report.failures.push(`two files are both called ${one.filename}`);
  }
}

async function playOne(clients: Clients): Promise<void> {
  const { random, known, report } = clients;
  const names = [...known.tracks.keys()];
  const filename = names[Math.floor(random() * names.length)];
  if (filename === undefined) return;
  const node = anyNode(clients);
  const { pid } = node;
  try {
    const response = await fetch(`${node.url}/files/${encodeURIComponent(filename)}`);
    const track = (await response.json()) as Parameters<typeof assertOnTimeline>[1];
    if (response.status !== 200) throw new Error(`${response.status} for the track`);
    if (track.manifestUrl) await assertOnTimeline(node.url, track);
    report.plays++;
  } catch (error) {
    // The end of a process is known a moment after that of its connections.
    await pause(250);
    const isSameProcess = node.isAlive && node.pid === pid;
    const text = String(error);
    if (/\b503 for/.test(text)) report.refused++;
    // It starts, and does not listen yet.
    else if (codeOf(error) === 'ECONNREFUSED') report.refused++;
    else if (isSameProcess && known.tracks.has(filename) && !known.maybeDeleted.has(filename)) {
      report.failures.push(`${filename} on ${node.name}: ${text}`);
    }
  }
}

async function deleteOldest(clients: Clients): Promise<void> {
  const { known, report } = clients;
  const oldest = [...known.tracks.keys()].find((name) => !known.maybeDeleted.has(name));
  if (oldest === undefined) return;
  known.maybeDeleted.add(oldest);
  const file = known.tracks.get(oldest);
  if (file) known.unwanted.add(file);
  const url = `${anyNode(clients).url}/files/${encodeURIComponent(oldest)}`;
  const response = await fetch(url, { method: 'DELETE' }).catch(() => undefined);
  if (response?.status === 503) report.refused++;
  if (response?.status !== 204) return;
  known.maybeDeleted.delete(oldest);
  known.deleted.add(oldest);
  if (known.tracks.get(oldest) === file) known.tracks.delete(oldest);
  report.deleted++;
}

/** Returns the code of the system's error behind that of a fetch. */
function codeOf(error: unknown): unknown {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause ? cause.code : undefined;
}

function anyNode({ nodes, random }: Clients): ClusterNode {
  const alive = nodes.filter(({ isAlive }) => isAlive);
  const some = alive.length > 0 ? alive : nodes;
  return some[Math.floor(random() * some.length)] as ClusterNode;
}

function newFile({ sources, random }: Clients): SourceFile {
  return unlike(sources[Math.floor(random() * sources.length)] as SourceFile, ++lastFile);
}

function isSubmitted(answer: unknown): answer is Awaited<ReturnType<typeof submit>> {
  return typeof answer === 'object' && answer !== null && 'status' in answer;
}

function isThere<T>(value: T | undefined): value is T {
  return value !== undefined;
}
