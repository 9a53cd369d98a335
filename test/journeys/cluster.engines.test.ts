/** Several nodes on one real database and one real bucket do together what one machine does. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { DeleteObjectCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';
import { type Finding, verifyLibrary } from '../../src/pipeline/verify.ts';
import { s3Client } from '../../testkit/s3-server.ts';
import { longMp3, noise, wav } from '../support/audio.ts';
import { download, getManifest, getTrack, request, settled, until, upload } from '../support/client.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { listen } from '../support/listening.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { expectOnTimeline } from '../support/on-timeline.ts';
import { projectFolder } from '../support/process.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';
import { adoptedOn, uploadSlowly } from '../support/slow-upload.ts';

const sound = (seed: number, seconds = 10) => wav(noise({ samples: 44_100 * seconds, seed }));

let env: Awaited<ReturnType<typeof freshBucket>> & { DATABASE_URL: string };
let s3: S3Client;
const start = (name: string, more: Record<string, string> = {}) =>
  startServer({ ...env, NODE_NAME: name, CONCURRENCY: '1', LOG_LEVEL: 'debug', ...more });
const freshEngines = async () => {
  env = { ...(await freshDatabase()), ...(await freshBucket()) };
  s3 = s3Client(env);
  atEndOfFile(async () => s3.destroy());
};
const sql = async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []) => {
  const client = new pg.Client({ connectionString: env.DATABASE_URL });
  await client.connect();
  const { rows } = await client.query<T>(text, values);
  await client.end();
  return rows;
};
const keys = async (Prefix: string) => {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: env.S3_BUCKET, Prefix }));
  return Contents.map(({ Key }) => Key as string);
};
const findings = async ({ services }: TestServer) => {
  const found: Finding[] = [];
  for await (const finding of verifyLibrary(services)) found.push(finding);
  return found;
};

describe.runIf(hasPostgres && hasS3)('nodes that share their engines', () => {
  let all: TestServer;
  let api: TestServer;
  beforeAll(async () => {
    await freshEngines();
    [all, api] = await Promise.all([
      start('one', { KEEP_ORIGINALS: 'true' }),
      start('two', { ROLE: 'api', KEEP_ORIGINALS: 'true' }),
    ]);
  });

  it('play on any node what any node was given', async () => {
    const given = await Promise.all(
      [all, api].map(({ url }, n) => upload(url, { name: `given-${n}.wav`, bytes: sound(n) }, '?wait=true')),
    );
    for (const { status, body } of given) {
      expect(status).toBe(201);
      for (const { url } of [all, api]) await expectOnTimeline(await getManifest(url, body), body.samples);
    }
    const { body: list } = await request<TrackView[]>(`${api.url}/files?q=given`);
    expect(list.map(({ filename }) => filename).sort()).toEqual(['given-0.wav', 'given-1.wav']);
  });

  it('store no original of a track twice, and nothing else beside it', async () => {
    const { body } = await upload(api.url, { name: 'once.wav', bytes: sound(7) });
    const again = await upload(all.url, { name: 'other-name.wav', bytes: sound(7) });
    expect([again.status, again.body.filename]).toEqual([200, body.filename]);
    expect(await findings(all)).toEqual([]);
  });

  it('tell every listener of every node what happens to a track', async () => {
    const [here, there] = [await listen(`${all.url}/events`), await listen(`${api.url}/events`)];
    await upload(api.url, { name: 'told.wav', bytes: sound(8) });
    await request(`${all.url}/files/told.wav`, { method: 'DELETE' });
    for (const { events, leave } of [here, there]) {
      const told = () => events.filter(({ data }) => data.filename === 'told.wav');
      await until(() => expect(told().at(-1)?.event).toBe('removed'));
      expect(told().some(({ data }) => data.status === 'processing')).toBe(true);
      expect(told().some(({ data }) => data.status === 'ready')).toBe(true);
      leave();
    }
  });

  it('keep what is edited on one node while another encodes the track, and find it on both', async () => {
    await upload(api.url, { name: 'edited.wav', bytes: sound(31, 60) }, '?wait=false');
    for (let n = 1; n <= 10; n++) {
      const { url } = n % 2 === 0 ? all : api;
      const { status } = await request(`${url}/files/edited.wav`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ tags: { title: `Ünique ${n}` }, metadata: { [`n${n}`]: n } }),
      });
      expect(status).toBe(200);
    }
    await settled(api.url, 'edited.wav');
    for (const { url } of [all, api]) {
      const { body } = await request<TrackView[]>(`${url}/files?q=unique&sort=title&status=ready`);
      expect(body.map(({ filename }) => filename)).toEqual(['edited.wav']);
      expect(Object.keys(body[0]?.metadata ?? {})).toHaveLength(10);
    }
  });

  it('repair a lost segment, whichever node is asked for it', async () => {
    const { body } = await upload(all.url, { name: 'lost.wav', bytes: sound(9) });
    const [segment] = (await getManifest(api.url, body)).segments;
    const [row] = await sql<{ home: string }>(`select home from tracks where filename = 'lost.wav'`);
    const Key = `segments/${row?.home}/${segment?.url.split('/').at(-1)}`;
    await s3.send(new DeleteObjectCommand({ Bucket: env.S3_BUCKET, Key }));
    expect((await download(segment?.url as string)).length).toBeGreaterThan(1000);
    await settled(api.url, 'lost.wav');
    expect(await findings(all)).toEqual([]);
  });

  it('retry a failed track on any node', async () => {
    await upload(all.url, { name: 'failed.wav', bytes: sound(10) });
    await sql(
      `update tracks set status = 'failed', version = nextval('track_versions'),
         record = jsonb_set(record::jsonb, '{status}', '"failed"')::json where filename = 'failed.wav'`,
    );
    await all.services.library.update('failed.wav', (track) => ({ ...track, originalName: 'again.wav' }));
    await until(async () => expect((await getTrack(api.url, 'failed.wav')).status).toBe('failed'));
    expect((await request(`${api.url}/files/failed.wav/retry`, { method: 'POST' })).status).toBe(202);
    expect((await settled(api.url, 'failed.wav')).status).toBe('ready');
  });

  it('encode an upload while it arrives where they encode, and store it once it is added', async () => {
    const bytes = sound(11, 60);
    const isEnough = async () => {
      const files = await readdir(all.dataDir, { recursive: true });
      return files.some((file) => /aac-128k-[1-9]/.test(path.basename(file)));
    };
    const { status } = await uploadSlowly(all, { name: 'early.wav', bytes }, { isEnough });
    expect(status).toBe(201);
    await settled(api.url, 'early.wav');
    expect(adoptedOn(all)).toBeGreaterThan(0);
    expect(await findings(all)).toEqual([]);
  });

  it('admit each other’s signed links', async () => {
    const secret = { STREAM_SECRET: 'a-secret-of-at-least-32-characters' };
    const nodes = await Promise.all([start('four', secret), start('five', { ...secret, ROLE: 'api' })]);
    const [one, other] = nodes;
    const { body } = await upload(one.url, { name: 'signed.wav', bytes: sound(12) });
    expect(body.manifestUrl).toMatch(/^\/signed\//);
    const [segment] = (await getManifest(other.url, body)).segments;
    expect((await download(segment?.url as string)).length).toBeGreaterThan(1000);
    expect((await request(`${other.url}/stream/signed.wav/manifest`)).status).toBe(403);
    await Promise.all(nodes.map((node) => node.close()));
  });

  it('say in /readyz who they are', async () => {
    const { body } = await request<{ node: unknown }>(`${api.url}/readyz`);
    expect(body.node).toEqual({ name: 'two', role: 'api', leases: 0 });
  });

  it('answer for their health alone where they only encode', async () => {
    const encoder = await start('three', { ROLE: 'encode' });
    expect((await request(`${encoder.url}/readyz`)).status).toBe(200);
    for (const place of ['/files', '/', '/stream/once.wav/manifest', '/upload'])
      expect((await request(`${encoder.url}${place}`)).status).toBe(404);
    await encoder.close();
  });
});

describe.runIf(hasPostgres && hasS3)('a track that another node encodes', () => {
  let one: TestServer;
  let other: TestServer;
  let encoder: TestServer;
  let long: TrackView;
  beforeAll(async () => {
    await freshEngines();
    const slow = { FFMPEG_PATH: await slowFfmpeg(30), SANDBOX: 'off' };
    [one, other, encoder] = await Promise.all([
      start('one', { ROLE: 'api' }),
      start('other', { ROLE: 'api' }),
      start('encoder', { ROLE: 'encode', ...slow }),
    ]);
    long = (await upload(one.url, { name: 'long.mp3', bytes: await longMp3(20) }, '?wait=true')).body;
  });

  it('is playable on all nodes before it is encoded', async () => {
    expect(long.status).toBe('processing');
    await getManifest(other.url, long);
    await until(async () => expect((await getTrack(other.url, 'long.mp3')).progress).toBeGreaterThan(0));
  });

  it('gives any node a segment from its far end', async () => {
    const { segments } = await getManifest(other.url, long);
    const last = segments.at(-2)?.url as string;
    const from = performance.now();
    const [here, there] = await Promise.all([download(last), download(last.replace(other.url, one.url))]);
    expect(here.equals(there)).toBe(true);
    expect(performance.now() - from).toBeLessThan(9000);
    expect((await getTrack(other.url, 'long.mp3')).status).toBe('processing');
  });

  it('tells its progress each second where a client follows it, and not with its lease alone every 2 s', async () => {
    const { events, leave } = await listen(`${other.url}/files/long.mp3/events`);
    await until(() => {
      // The first one comes at once.
      const news = events.slice(1).filter(({ data }, n) => data.progress !== events[n]?.data.progress);
      const gaps = news.slice(1).map(({ at }, n) => at - (news[n]?.at ?? 0));
      expect(Math.min(...gaps)).toBeLessThan(1500);
    });
    leave();
  });

  it('is deleted by any node, and nothing of it stays', async () => {
    const [row] = await sql<{ home: string; record: { upload: string } }>(
      `select home, record from tracks where filename = 'long.mp3'`,
    );
    expect((await request(`${other.url}/files/long.mp3`, { method: 'DELETE' })).status).toBe(204);
    expect((await request(`${one.url}/files/long.mp3`)).status).toBe(404);
    expect(await sql('select from work')).toEqual([]);
    expect(await keys(`segments/${row?.home}/`)).toEqual([]);
    expect(await keys(`originals/${row?.record.upload}`)).toEqual([]);
    await until(() => expect(encoder.services.engines.nodeState()?.leases).toBe(0));
  });
});

describe.runIf(hasPostgres && hasS3)('the start of a node', () => {
  it('is refused with a sentence where the bucket is not there', async () => {
    await freshEngines();
    await expect(start('one', { S3_BUCKET: 'nobody-made-it' })).rejects.toThrow(
      'The bucket "nobody-made-it" (S3_BUCKET) does not exist',
    );
  });

  it('is refused where the database does not answer, without its password', async () => {
    const url = 'postgres://app:hidden-word@127.0.0.1:1/audio';
    const refused = start('one', { DATABASE_URL: url });
    await expect(refused).rejects.toThrow('The database at 127.0.0.1:1/audio (DATABASE_URL) cannot be used');
    await expect(refused).rejects.not.toThrow('hidden-word');
  });

  it('is refused where a newer version has changed the schema', async () => {
    await freshEngines();
    await (await start('one')).close();
    await sql(`insert into pgmigrations (name, run_on) values ('1999999999999_newer', now())`);
    await expect(start('older')).rejects.toThrow('made by a newer version of this server');
  });

  it('of several at once makes the tables once', async () => {
    await freshEngines();
    const nodes = await Promise.all(['one', 'two', 'three'].map((name) => start(name)));
    const run = await sql<{ name: string }>('select name from pgmigrations order by name');
    const files = await readdir(path.join(projectFolder, 'src/database/migrations'));
    expect(run.map(({ name }) => `${name}.sql`)).toEqual(files.sort());
    await Promise.all(nodes.map((node) => node.close()));
  });
});
