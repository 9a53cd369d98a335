/**
 * `npm run chaos -- --rolling`: stops three nodes behind nginx and starts them again, one after the other, while clients play,
 * seek and upload. No request may fail but for what players repeat.
 */
import { request } from 'node:http';
import type { Engines } from '../../testkit/cluster.ts';
import type { ClusterNode } from '../../testkit/cluster-node.ts';
import { assertExact, untilReady } from '../exact.ts';
import { submit } from '../submit.ts';
import { openArena } from './arena.ts';
import { type Balancer, startBalancer } from './balancer.ts';
import { emptyTally, listen, seek, type Tally, uploadAllTheTime } from './rolling-clients.ts';
import { check, eventually, pause } from './scenario.ts';

const LISTENERS = 4;
const SLOW_UPLOADERS = 4;
const READY_AGAIN_MS = 20_000;
/** Between two nodes: what was handed over is under way again. */
const BETWEEN_NODES_MS = 3000;
/** Minutes of a file that nodes need some seconds for, and of one that is soon ready. */
const LONG_MINUTES = 3;
const SHORT_MINUTES = 0.1;
/** An upload that is whole within 3 s of a stop is taken on; a longer one is cut off. */
const QUICK_MS = 1000;
const SLOW_MS = 6000;
/** Tracks that are decoded in the end. */
const CHECKED = 8;

export interface RollingReport {
  plays: Tally;
  seeks: Tally;
  /** That arrive within a second. */
  uploads: Tally;
  slowUploads: Tally;
  events: { received: number; reconnected: number };
  /** Requests that nginx has sent to another node. */
  repeatedByBalancer: number;
  stopMs: number[];
  /** Milliseconds from the start of a process until `/readyz` says 200. */
  startMs: number[];
  /** Tracks that were accepted, and those of them that were decoded. */
  accepted: number;
  decoded: number;
  failures: string[];
}

/** @param options.rounds how often each node is stopped. */
export async function rollingUpgrade(
  engines: Engines,
  { rounds, log }: { rounds: number; log(line: string): void },
): Promise<RollingReport> {
  const arena = await openArena(engines);
  const { nodes, folder } = arena;
  let balancer: Balancer | undefined;
  try {
    balancer = await startBalancer(
      nodes.map(({ url }) => url),
      folder,
    );
    const { url } = balancer;
    const ready = await submit(url, arena.file(0.5), 'ready');
    check(ready.status === 201, `the first upload is answered with ${ready.status}`);
    await arena.settled();

    const stopping = new AbortController();
    const { signal } = stopping;
    const [plays, seeks, uploads, slow] = [emptyTally(), emptyTally(), emptyTally(), emptyTally()];
    const events = hearEvents(url, signal);
    const listening = Array.from({ length: LISTENERS }, () => listen(url, ready.body, plays, signal));
    const nextLong = () => arena.file(LONG_MINUTES);
    const nextShort = () => arena.file(SHORT_MINUTES);
    const seeking = seek(url, { nextFile: nextLong, uploads, seeks, signal });
    const uploading = [
      uploadAllTheTime(url, { nextFile: nextShort, takesMs: 0, tally: uploads, signal }),
      uploadAllTheTime(url, { nextFile: nextShort, takesMs: QUICK_MS, tally: uploads, signal }),
      ...Array.from({ length: SLOW_UPLOADERS }, () =>
        uploadAllTheTime(url, { nextFile: nextShort, takesMs: SLOW_MS, tally: slow, signal }),
      ),
    ];

    const stopMs: number[] = [];
    const startMs: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const node of nodes) {
        await pause(BETWEEN_NODES_MS);
        stopMs.push(await stop(node));
        startMs.push(await start(node));
        log(
          `${node.name} again: ${plays.requests} plays, ${seeks.requests} seeks, ${uploads.requests} uploads`,
        );
      }
    }
    await pause(BETWEEN_NODES_MS);
    stopping.abort();
    const names = (await Promise.all(uploading)).flat();
    await Promise.all([seeking, ...listening]);
    for (const name of names) await untilReady(url, name);
    const decoded = names.slice(-CHECKED);
    for (const name of decoded) await assertExact(url, await untilReady(url, name), folder);
    const repeatedByBalancer = await balancer.end();
    balancer = undefined;
    const failures = [plays, seeks, uploads, slow].flatMap(({ failed }) => failed);
    return {
      ...{ plays, seeks, uploads, slowUploads: slow, repeatedByBalancer, stopMs, startMs, failures },
      events: await events,
      accepted: names.length,
      decoded: decoded.length,
    };
  } finally {
    await balancer?.end();
    await arena.close();
  }
}

async function stop(node: ClusterNode): Promise<number> {
  const startedAt = performance.now();
  const exit = await node.stop();
  check(exit === 0, `${node.name} ended with ${exit}`);
  return Math.round(performance.now() - startedAt);
}

async function start(node: ClusterNode): Promise<number> {
  const startedAt = performance.now();
  await node.start();
  await eventually(READY_AGAIN_MS, async () => {
    const { status } = await fetch(`${node.url}/readyz`);
    check(status === 200, `${node.name} is not ready: ${status}`);
  });
  return Math.round(performance.now() - startedAt);
}

/** Listens to the events of all tracks, and connects again whenever the stream ends, as an EventSource does. */
async function hearEvents(url: string, signal: AbortSignal) {
  const heard = { received: 0, reconnected: -1 };
  while (!signal.aborted) {
    heard.reconnected++;
    await new Promise<void>((resolve) => {
      const stream = request(`${url}/events`, { signal }, (response) => {
        response.on('data', (chunk: Buffer) => {
          heard.received += chunk.toString().split('\n\n').length - 1;
        });
        response.on('error', () => {});
        response.on('close', resolve);
      });
      stream.on('error', () => resolve());
      stream.end();
    });
    if (!signal.aborted) await pause(100);
  }
  return heard;
}

/** Returns a report as lines. */
export function rollingLines({
  plays,
  seeks,
  uploads,
  slowUploads,
  events,
  ...report
}: RollingReport): string {
  const line = (what: string, { requests, retried, failed, reasons, longestMs }: Tally) =>
    `${what}${requests} requests, ${retried} retried by the client, ${failed.length} failed; the longest took ${Math.round(longestMs)} ms ${JSON.stringify(reasons)}`;
  const span = (list: number[]) => `${Math.min(...list)} to ${Math.max(...list)} ms`;
  return [
    line('plays:               ', plays),
    line('seeks, held:         ', seeks),
    line('uploads:             ', uploads),
    line('uploads of 6 s:      ', slowUploads),
    `events:              ${events.received} received, ${events.reconnected} times connected again`,
    `nginx:               ${report.repeatedByBalancer} requests repeated on another node`,
    `nodes:               ${report.stopMs.length} times stopped within ${span(report.stopMs)}, ready again within ${span(report.startMs)}`,
    `accepted:            ${report.accepted} short tracks ready, ${report.decoded} of them decoded to exactly N`,
  ].join('\n');
}
