/**
 * Kills the server at random instants while clients upload, play and delete, starts it again, and checks its data:
 * acknowledged uploads exist, others exist whole or not at all, and nothing else is left.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../testkit/ports.ts';
import { assertExact, untilReady } from './exact.ts';
import { assertOnTimeline, type ListedTrack } from './on-timeline.ts';
import {
  aliveOf,
  processesMentioning,
  seeded,
  startServer,
  type TortureServer,
  untilNone,
} from './server.ts';
import { makeSources, type SourceFile } from './sources.ts';
import { submit, unlike } from './submit.ts';

const CLIENTS = 3;
/** Most tracks to keep; the oldest are deleted above that. */
const KEPT = 8;
const LATEST_KILL_MS = 2500;

export interface ChaosOptions {
  kills: number;
  seed: number;
  formats?: number;
  log(line: string): void;
}

export interface ChaosReport {
  failures: string[];
  kills: number;
  killedAtStart: number;
  acknowledged: number;
  /** Uploads of those that were sent slowly, and so encoded while they arrived. */
  slowly: number;
  /** Early encodes that kills have cut off: their segments are left for the next start to sweep. */
  stages: number;
  deleted: number;
  /** Uploads without a response that were found whole, or not at all. */
  unansweredThere: number;
  unansweredGone: number;
  decoded: number;
  samples: number;
  folder: string;
}

/** Knowledge of the clients. */
interface Known {
  /** Tracks by file name that were acknowledged with 201 or 202. */
  tracks: Map<string, SourceFile>;
  /** Tracks after a DELETE without a response: they may exist or not. */
  maybeDeleted: Set<string>;
  unanswered: SourceFile[];
}

/** Runs the kills. Removes the data folder, unless something failed. */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'audio-streaming-chaos-'));
  const dataDir = path.join(folder, 'data');
  const report: ChaosReport = {
    failures: [],
    kills: 0,
    killedAtStart: 0,
    acknowledged: 0,
    slowly: 0,
    stages: 0,
    deleted: 0,
    unansweredThere: 0,
    unansweredGone: 0,
    decoded: 0,
    samples: 0,
    folder,
  };
  const random = seeded(options.seed);
  const sources = await makeSources(folder, options.formats);
  const settings = { DATA_DIR: dataDir, PORT: String(await freePort()), AUDIO_LADDER: 'aac@64k,aac@128k' };
  const known: Known = { tracks: new Map(), maybeDeleted: new Set(), unanswered: [] };
  const fail = (text: string) => report.failures.push(`after kill ${report.kills}: ${text}`);

  while (report.kills < options.kills && report.failures.length === 0) {
    const delay = random() * LATEST_KILL_MS;
    const dies = new AbortController();
    // Kill from the very start on: a server that is killed during recovery must recover from that.
    const started = await startServer(settings, (child) => {
      if (random() < 0.15) setTimeout(() => child.kill('SIGKILL'), delay / 5);
    }).catch(() => undefined);
    if (started) {
      const isJudged = await judge(started, { dataDir, known, report, fail }).then(
        () => true,
        async (error: unknown) => {
          // A kill from the very start may come as late as this.
          const alive = await untilNone(async () => (started.isAlive ? ['the server'] : []), 1000);
          if (alive.length > 0) throw error;
          return false;
        },
      );
      const clients = Array.from({ length: isJudged ? CLIENTS : 0 }, () =>
        client(started.url, { sources, random, known, report, signal: dies.signal }),
      );
      await new Promise((resolve) => setTimeout(resolve, delay));
      const descendants = await started.descendants();
      await started.end('SIGKILL');
      report.stages += await stagesIn(dataDir);
      dies.abort();
      await Promise.all(clients);
      // A run that reads standard input names no file of the server.
      const orphans = await untilNone(() => aliveOf(descendants), 5000);
      if (orphans.length > 0) fail(`still running: ${orphans.join('; ')}`);
    } else report.killedAtStart++;
    report.kills++;
    const survivors = await untilNone(() => processesMentioning(dataDir), 5000);
    if (survivors.length > 0) fail(`still running: ${survivors.join('; ')}`);
    if (report.kills % 10 === 0)
      options.log(
        `${report.kills} kills, ${report.acknowledged} uploads acknowledged, ${report.failures.length} failures`,
      );
  }
  if (report.failures.length === 0) await finish(settings, { dataDir, known, report, fail });
  if (report.failures.length === 0) await rm(folder, { recursive: true, force: true });
  return report;
}

interface Judged {
  dataDir: string;
  known: Known;
  report: ChaosReport;
  fail(text: string): void;
}

/** Checks the data right after a start: everything that must exist does, and nothing else. */
async function judge(server: TortureServer, { dataDir, known, report, fail }: Judged): Promise<void> {
  const listed = (await (await fetch(`${server.url}/files`)).json()) as
    | { files?: ListedTrack[] }
    | ListedTrack[];
  const tracks = Array.isArray(listed) ? listed : (listed.files ?? []);
  const names = new Set(tracks.map(({ filename }) => filename));
  for (const filename of known.tracks.keys()) {
    if (known.maybeDeleted.has(filename)) {
      if (!names.has(filename)) known.tracks.delete(filename);
    } else if (!names.has(filename)) fail(`${filename} was acknowledged and is lost`);
  }
  known.maybeDeleted.clear();
  for (const { status, filename } of tracks) if (status === 'failed') fail(`${filename} has failed`);
  const rubbish = await untilNone(() => rubbishIn(dataDir), 5000);
  if (rubbish.length > 0) fail(`rubbish: ${rubbish.join(', ')}`);

  for (const file of [...known.unanswered]) {
    const answer = await submit(server.url, file, 'false');
    known.unanswered = known.unanswered.filter((each) => each !== file);
    if (answer.status === 200) report.unansweredThere++;
    else if (answer.status === 201 || answer.status === 202) report.unansweredGone++;
    else fail(`${file.name}, sent again, is answered with ${answer.status}`);
    if (answer.status >= 300) continue;
    report.acknowledged++;
    known.tracks.set(answer.body.filename, file);
  }
}

async function stagesIn(dataDir: string): Promise<number> {
  const names = await readdir(path.join(dataDir, 'segments'));
  return names.filter((name) => name.startsWith('.tmp-stage-')).length;
}

/** Finds files without a record. Looks twice, for segments have a `.tmp-` name for a moment while they are written. */
async function rubbishIn(dataDir: string): Promise<string[]> {
  const found: string[] = [];
  const uploads = new Set<string>();
  const names = await readdir(path.join(dataDir, 'manifests'));
  for (const name of names) {
    const record = await readFile(path.join(dataDir, 'manifests', name, 'track.json'), 'utf8').catch(
      () => null,
    );
    if (record === null) found.push(`manifests/${name}`);
    else uploads.add(String(JSON.parse(record).upload));
  }
  for (const name of await readdir(path.join(dataDir, 'uploads'))) {
    if (!uploads.has(name.replace(/\.flac$/, ''))) found.push(`uploads/${name}`);
  }
  for (const name of await readdir(path.join(dataDir, 'segments'))) {
    if (!names.includes(name)) found.push(`segments/${name}`);
  }
  const all = await readdir(dataDir, { recursive: true });
  return [...found, ...all.filter((name) => path.basename(name).startsWith('.tmp-'))];
}

interface Client {
  sources: readonly SourceFile[];
  random: () => number;
  known: Known;
  report: ChaosReport;
  signal: AbortSignal;
}

let lastFile = 0;

/** Uploads, plays and deletes until the server is gone. */
async function client(url: string, { sources, random, known, report, signal }: Client): Promise<void> {
  while (!signal.aborted) {
    const source = sources[Math.floor(random() * sources.length)] as SourceFile;
    const file = unlike(source, ++lastFile);
    try {
      const wait = ['false', 'true', 'ready'][Math.floor(random() * 3)] as string;
      const isSlow = random() < 0.5;
      const answer = await submit(url, file, wait, isSlow).catch((error: unknown) => {
        known.unanswered.push(file);
        throw error;
      });
      if (answer.status !== 201 && answer.status !== 202) continue;
      report.acknowledged++;
      if (isSlow) report.slowly++;
      known.tracks.set(answer.body.filename, file);
      if (answer.body.manifestUrl && random() < 0.5) await assertOnTimeline(url, answer.body);
      if (known.tracks.size <= KEPT) continue;
      const oldest = [...known.tracks.keys()].find((name) => !known.maybeDeleted.has(name)) as string;
      known.maybeDeleted.add(oldest);
      await fetch(`${url}/files/${encodeURIComponent(oldest)}`, { method: 'DELETE' });
      known.maybeDeleted.delete(oldest);
      known.tracks.delete(oldest);
      report.deleted++;
    } catch {
      // The server was killed, so the request has no response.
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Checks that in the end every track becomes ready and decodes to exactly N samples. */
async function finish(settings: Record<string, string>, judged: Judged): Promise<void> {
  const { known, report, fail, dataDir } = judged;
  const server = await startServer(settings);
  await judge(server, judged);
  for (const filename of known.tracks.keys()) {
    try {
      const track = await untilReady(server.url, filename);
      const renditions = await assertExact(server.url, track, path.dirname(dataDir));
      report.decoded += renditions;
      report.samples += renditions * track.samples;
    } catch (error) {
      fail(String(error));
    }
  }
  const rubbish = await untilNone(() => rubbishIn(dataDir), 5000);
  if (rubbish.length > 0) fail(`rubbish: ${rubbish.join(', ')}`);
  await server.end('SIGTERM');
}
