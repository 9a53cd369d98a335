/** `npm run cluster`, as somebody tries it: see docs/scaling.md. It starts engines of its own. */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { freePort } from '../../testkit/ports.ts';
import { longMp3 } from '../support/audio.ts';
import { download, getManifest, getTrack, request, until, upload } from '../support/client.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { hasPostgres, hasS3 } from '../support/on-engines.ts';
import { exitOf, processesMentioning, start, textOf } from '../support/process.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

/** Longest time that players wait for the first byte. */
const PLAYERS_WAIT_MS = 9000;
/** A lease of 6 s is renewed every 2 s: with so little left it is about to be. */
const BEFORE_RENEWAL_SECONDS = 4.2;
/** A node that has just begun to listen leaves the tracks of others to their owners for 8 s. */
const TAKE_OVER_AFTER_SECONDS = 8.2;

interface Running {
  child: ChildProcess;
  /** Returns the process ids that it has printed. */
  pids(): number[];
  exited: Promise<number | string>;
  /** Waits for a text in its output, and resolves with the groups of the pattern. */
  said(pattern: RegExp): Promise<string[]>;
}

function startCluster(env: Record<string, string>): Running {
  const child = start(['npm', 'run', 'cluster'], { RATE_LIMIT: 'off', AUDIO_LADDER: 'aac@128k', ...env });
  const exited = exitOf(child);
  // A test that fails must leave no engine behind.
  atEndOfFile(async () => {
    if (child.exitCode === null) child.kill('SIGTERM');
    await exited;
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      output += chunk;
    });
  }
  const said = (pattern: RegExp) =>
    until(() => {
      expect(output).toMatch(pattern);
      return pattern.exec(output)?.slice(1) ?? [];
    });
  const pids = () => [...output.matchAll(/pid (\d+)/g)].map(([, pid]) => Number(pid));
  return { child, pids, exited, said };
}

/** As a terminal does: to npm and, once more through npm, to the cluster. */
const pressCtrlC = ({ child }: Running) => process.kill(-(child.pid as number), 'SIGINT');

const isAlive = (pid: number) => existsSync(`/proc/${pid}`);

async function expectNothingLeft({ said, pids }: Running): Promise<void> {
  const [folder] = (await said(/All data is in (.*)\./)) as [string];
  expect([...(await processesMentioning(folder)).values()]).toEqual([]);
  expect(pids().filter(isAlive)).toEqual([]);
  expect(existsSync(folder)).toBe(false);
}

/**
 * Waits until the nodes have listened for long enough to take over tracks, and little is left of a lease. A kill at that moment has
 * listeners wait no longer than they must.
 */
async function untilBeforeRenewal(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await until(async () => {
    const { rows } = await client.query(
      `select extract(epoch from until - now())::float as left,
         (select extract(epoch from now() - max(backend_start))::float from pg_stat_activity
           where query = 'select' or query like 'listen %') as listened
       from work`,
    );
    expect(rows[0]?.listened).toBeGreaterThan(TAKE_OVER_AFTER_SECONDS);
    expect(rows[0]?.left).toBeLessThan(BEFORE_RENEWAL_SECONDS);
  });
  await client.end();
}

describe.runIf(hasPostgres && hasS3)('a cluster by one command', () => {
  it('plays on when the node that encodes a track is killed, and leaves nothing after Ctrl-C', async () => {
    const port = await freePort();
    const cluster = startCluster({ PORT: String(port), FFMPEG_PATH: await slowFfmpeg(20) });
    const [url, databaseUrl] = (await cluster.said(
      /page +(http:\S+).*PostgreSQL +(postgres:\S+).*Ctrl-C/s,
    )) as [string, string];
    expect(url).toBe(`http://localhost:${port}`);
    const { status, body } = await upload(url, { name: 'long.mp3', bytes: await longMp3(20) }, '');
    expect([status, body.status]).toEqual([201, 'processing']);
    // By the other name of the same page.
    const { segments, initUrl } = await getManifest(`http://127.0.0.1:${port}`, body);
    const play = async (address: string) => {
      const begin = performance.now();
      await download(address);
      expect(performance.now() - begin).toBeLessThan(PLAYERS_WAIT_MS);
    };
    await play(initUrl);
    await play(segments[0]?.url as string);

    const [owner, pid] = await cluster.said(/(encode-\d) \(pid (\d+)\) encodes long\.mp3/);
    await untilBeforeRenewal(databaseUrl);
    process.kill(Number(pid), 'SIGKILL');
    await cluster.said(new RegExp(`${owner} \\(pid ${pid}\\) was ended by SIGKILL`));
    const stored = Math.ceil((await getTrack(url, 'long.mp3')).progress * segments.length);
    const inOrder = async () => {
      for (const segment of segments.slice(stored, stored + 3)) await play(segment.url);
    };
    await Promise.all([inOrder(), play(segments.at(-20)?.url as string)]);
    await cluster.said(
      new RegExp(`${owner === 'encode-1' ? 'encode-2' : 'encode-1'} \\(pid \\d+\\) encodes long`),
    );
    expect((await getTrack(url, 'long.mp3')).status).toBe('processing');

    expect(new Set(cluster.pids().filter(isAlive)).size).toBe(2);
    pressCtrlC(cluster);
    expect(await cluster.exited).toBe(0);
    await expectNothingLeft(cluster);
    await expect(request(`${url}/healthz`)).rejects.toThrow('fetch failed');
  });

  it('leaves nothing when it is ended while it starts', async () => {
    const cluster = startCluster({ PORT: '0' });
    await cluster.said(/All data/);
    cluster.child.kill('SIGTERM');
    expect(await cluster.exited).toBe(0);
    await expectNothingLeft(cluster);
  });

  it('says so where its port is in use', async () => {
    const port = await freePort();
    const server = createServer().listen(port, '127.0.0.1');
    const child = start(['node', 'scripts/cluster.mjs'], { PORT: String(port) });
    const [code, stderr] = await Promise.all([exitOf(child), textOf(child.stderr)]);
    server.close();
    expect([code, stderr]).toEqual([
      1,
      `Port ${port} on 127.0.0.1 is in use. Stop the program that uses it, or set PORT to another port.\n`,
    ]);
  });
});
