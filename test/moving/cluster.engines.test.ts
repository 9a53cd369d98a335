/** Libraries move between folders and a real PostgreSQL with a real S3 server. */
import { readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { pino } from 'pino';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { openClusterSource, openClusterTarget } from '../../src/moving/cluster-sides.ts';
import { runMove } from '../../src/moving/run.ts';
import type { Track } from '../../src/tracks/track.ts';
import { startFaultProxy } from '../../testkit/fault-proxy.ts';
import { s3Client } from '../../testkit/s3-server.ts';
import { noise, wav } from '../support/audio.ts';
import { download, getManifest, getTrack, request, settled, until, upload } from '../support/client.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { temporaryFolder } from '../support/folders.ts';
import { contentOf, makeLibrary, makeTrack, writeRecord } from '../support/made-library.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { expectOnTimeline } from '../support/on-timeline.ts';
import { exitOf, start, textOf } from '../support/process.ts';
import { startServer } from '../support/server.ts';

let env: Record<string, string> & { DATABASE_URL: string; S3_BUCKET: string; S3_ENDPOINT: string };
let s3: S3Client;
const log = pino({ level: 'silent' });

async function sql<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
  const client = new pg.Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  const { rows } = await client.query<T>(text, values);
  await client.end();
  return rows;
}

async function keys(): Promise<string[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: env.S3_BUCKET }));
  return Contents.map(({ Key }) => Key as string);
}

const sharedOf = () => {
  const { shared } = parseConfig(env, '/');
  if (!shared) throw new Error('the engines are not named');
  return shared;
};

async function run(to: 'cluster' | 'disk', dataDir: string): Promise<{ isComplete: boolean; text: string }> {
  const lines: string[] = [];
  const isComplete = await runMove({
    config: parseConfig(env, '/'),
    order: { to, dataDir },
    log,
    print: (line) => void lines.push(line),
    signal: new AbortController().signal,
  });
  return { isComplete, text: lines.join('\n') };
}

describe.runIf(hasPostgres && hasS3)('a library', () => {
  let from: string;
  beforeEach(async () => {
    const bucket = await freshBucket();
    env = { ...(await freshDatabase()), ...bucket };
    const client = s3Client(bucket);
    s3 = client;
    atEndOfFile(async () => client.destroy());
    from = await temporaryFolder();
  });

  it('goes to a cluster and comes back as it was', async () => {
    await makeLibrary(from);
    // Sent in two parts.
    await makeTrack(from, 'large.wav', { original: Buffer.alloc(9 * 1024 ** 2, 'large ') });
    const before = await contentOf(from);
    const there = await run('cluster', from);
    expect(there.text).toContain('Checked: 6 tracks');
    expect(there.isComplete).toBe(true);
    expect(await contentOf(from)).toEqual(before);
    expect(await sql('select filename, node, until from work')).toEqual([
      { filename: 'processing.wav', node: null, until: Number.NEGATIVE_INFINITY },
    ]);
    expect((await keys()).filter((key) => key.startsWith('manifests/'))).toHaveLength(4);

    const again = await run('cluster', from);
    expect(again.text).toContain('Copied 0 tracks (0 B)');
    expect(again.isComplete).toBe(true);

    const to = await temporaryFolder();
    const back = await run('disk', to);
    expect(back.isComplete).toBe(true);
    expect(await contentOf(to)).toEqual(before);
    expect((await readdir(to)).sort()).toEqual(['manifests', 'segments', 'uploads']);
  });

  it('is copied while it is served, and played by nodes that go on with it', async () => {
    const disk = await startServer({ KEEP_ORIGINALS: 'true' });
    const add = async (name: string, samples: number) => {
      const bytes = wav(noise({ samples, seed: samples }));
      expect((await upload(disk.url, { name, bytes }, '?wait=true')).status).toBe(201);
    };
    await add('first.wav', 90_000);
    const first = await run('cluster', disk.dataDir);
    expect(first.isComplete).toBe(true);
    await add('added.wav', 250_000);
    const { body: list } = await request(`${disk.url}/files?limit=2`);
    await disk.close();
    // As a server leaves a track that is stopped while it encodes.
    await halve(disk.dataDir, 'added.wav');
    const second = await run('cluster', disk.dataDir);
    expect(second.text).toContain('Copied 1 tracks');
    expect(second.isComplete).toBe(true);

    const node = await startServer({ ...env, KEEP_ORIGINALS: 'true' });
    expect((await settled(node.url, 'added.wav')).status).toBe('ready');
    const { body: sameList } = await request(`${node.url}/files?limit=2`);
    const names = (tracks: unknown) => (tracks as Track[]).map(({ filename }) => filename);
    expect(names(sameList)).toEqual(names(list));
    for (const name of ['first.wav', 'added.wav']) {
      const track = await getTrack(node.url, name);
      await expectOnTimeline(await getManifest(node.url, track), track.samples);
    }
    const ready = await getManifest(node.url, await getTrack(node.url, 'first.wav'));
    const { url } = ready.segments[0] as { url: string };
    const file = path.join(disk.dataDir, 'segments', 'first.wav', path.basename(url));
    expect(await download(url)).toEqual(await readFile(file));
    await node.close();

    // What the nodes have done by themselves since is no conflict.
    const third = await run('cluster', disk.dataDir);
    expect(third.text).toContain('Copied 0 tracks');
    expect(third.isComplete).toBe(true);
  });

  it('goes on after a kill -9, and nothing is stored twice or left over', async () => {
    const tracks = 24;
    for (let n = 0; n < tracks; n++) await makeTrack(from, `track-${n}.mp3`);
    const proxy = await startFaultProxy(Number(new URL(env.S3_ENDPOINT).port));
    atEndOfFile(() => proxy.close());
    await proxy.set({ delayMs: 20 });
    const slow = { ...env, DATA_DIR: from, S3_ENDPOINT: `http://127.0.0.1:${proxy.port}` };
    const migrate = start([process.execPath, 'scripts/migrate.mjs', '--to', 'cluster'], slow);
    const records = async () => {
      const [found] = await sql<{ count: number }>(
        `select case when to_regclass('tracks') is null then 0 else 1 end as count`,
      );
      return found?.count === 0 ? [] : sql<{ home: string }>('select home from tracks');
    };
    await until(async () => expect((await records()).length).toBeGreaterThan(0));
    process.kill(-(migrate.pid as number), 'SIGKILL');
    expect(await exitOf(migrate)).toBe('SIGKILL');
    const [homes, stored] = [await records(), await keys()];
    expect(homes.length).toBeLessThan(tracks);
    for (const { home } of homes) {
      expect(stored.filter((key) => key.startsWith(`segments/${home}/`))).toHaveLength(4);
    }

    expect((await run('cluster', from)).isComplete).toBe(true);
    expect(await keys()).toHaveLength(tracks * 5);
    const verify = start([process.execPath, 'scripts/verify.mjs'], env);
    const [text, code] = await Promise.all([textOf(verify.stdout), exitOf(verify)]);
    expect([text, code]).toEqual([`${tracks} tracks checked, 0 problems found.\n`, 0]);
  });

  it('leaves alone what else the cluster has', async () => {
    const other = await temporaryFolder();
    const original = Buffer.from('the same bytes');
    await makeTrack(other, 'taken.mp3');
    await makeTrack(other, 'leaving.mp3');
    await makeTrack(other, 'bytes.mp3', { original });
    expect((await run('cluster', other)).isComplete).toBe(true);
    await sql(`update tracks set removed_at = now() where filename = 'leaving.mp3'`);
    const before = await keys();
    for (const name of ['taken.mp3', 'leaving.mp3', 'Taken.mp3', 'free.mp3']) await makeTrack(from, name);
    await makeTrack(from, 'same.mp3', { original });
    const { isComplete, text } = await run('cluster', from);
    expect(isComplete).toBe(false);
    for (const line of [
      '"taken.mp3": the target has a track of this name with other bytes',
      '"leaving.mp3": a track of this name is being deleted at the target',
      '"Taken.mp3": the target has "taken.mp3", the same name to some file systems',
      '"same.mp3": the target has the same bytes as "bytes.mp3"',
      'Checked: 1 tracks',
      'The target has 2 tracks that the source does not have',
    ]) {
      expect(text).toContain(line);
    }
    expect(await keys()).toEqual(expect.arrayContaining(before));
    expect(await keys()).toHaveLength(before.length + 5);
  });

  it('has a track replaced that was copied before it was ready, but not while a node encodes that', async () => {
    const track = await makeTrack(from, 'late.wav', { changes: { status: 'processing' }, segments: 2 });
    await run('cluster', from);
    await makeTrack(from, 'late.wav', { changes: { ...track, status: 'ready' } });
    await sql(`update work set node = gen_random_uuid(), until = now() + interval '1 minute'`);
    const { importing, close } = await openClusterTarget(sharedOf(), log);
    const [place] = await importing.find([track]);
    const held = place?.byName;
    expect(held?.isAsImported).toBe(true);
    expect(await importing.replace(held as NonNullable<typeof held>, { ...track, status: 'ready' })).toBe(
      false,
    );
    await close();
    await sql(`update work set node = null, until = '-infinity'`);
    const { isComplete, text } = await run('cluster', from);
    expect(text).toContain('Copied 1 tracks');
    expect(isComplete).toBe(true);
    expect(await sql('select from work')).toEqual([]);
  });

  it('is not looked for in a database without tables, and those are not made there', async () => {
    await expect(openClusterSource(sharedOf())).rejects.toThrow('holds no library');
    expect(await sql(`select to_regclass('tracks') as found`)).toEqual([{ found: null }]);
  });
});

/** Takes half of the segments of a track, and its end. */
async function halve(dataDir: string, filename: string): Promise<void> {
  const file = path.join(dataDir, 'manifests', filename, 'track.json');
  const record = JSON.parse(await readFile(file, 'utf8')) as Track;
  const folder = path.join(dataDir, 'segments', filename);
  const media = (await readdir(folder)).filter((name) => name.endsWith('.m4s')).sort();
  for (const name of media.slice(media.length / 2)) await rm(path.join(folder, name));
  await writeRecord(dataDir, { ...record, home: filename, status: 'processing' });
}
