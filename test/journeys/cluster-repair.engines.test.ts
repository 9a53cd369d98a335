/** Nodes that share their engines bring back segments that somebody else has removed or cut. */
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import { s3Client } from '../../testkit/s3-server.ts';
import { noise, wav } from '../support/audio.ts';
import { download, getManifest, settled, until, upload } from '../support/client.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { startServer, type TestServer } from '../support/server.ts';

const sound = (seed: number) => wav(noise({ samples: 441_000, seed }));

describe.runIf(hasPostgres && hasS3)('a segment of a ready track', () => {
  let all: TestServer;
  let api: TestServer;
  let s3: S3Client;
  let Bucket: string;
  beforeAll(async () => {
    const env = { ...(await freshDatabase()), ...(await freshBucket()) };
    Bucket = env.S3_BUCKET;
    s3 = s3Client(env);
    atEndOfFile(async () => s3.destroy());
    // Without a cache every request meets what the bucket has.
    const settings = { ...env, KEEP_ORIGINALS: 'true', SEGMENT_CACHE_BYTES: '0', CONCURRENCY: '1' };
    [all, api] = await Promise.all([startServer(settings), startServer({ ...settings, ROLE: 'api' })]);
  });

  const cut = async (Key: string) => {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const bytes = (await Body?.transformToByteArray()) as Uint8Array;
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: bytes.subarray(0, bytes.length - 1000) }));
  };
  const remove = async (Key: string) => {
    await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  };

  it.each([
    ['that is gone comes back where the node encodes', () => all, remove],
    ['that is cut comes back where the node encodes', () => all, cut],
    ['that is gone comes back where the node does not encode', () => api, remove],
    ['that is cut comes back where the node does not encode', () => api, cut],
  ] as const)('%s', async (name, node, damage) => {
    const { body } = await upload(all.url, { name: `${name}.wav`, bytes: sound(name.length) }, '?wait=ready');
    // Its lease ends a moment after the track is ready.
    await until(() => expect(all.services.engines.nodeState()?.leases).toBe(0));
    const [, segment] = (await getManifest(node().url, body)).segments;
    const url = segment?.url as string;
    const before = await download(url);
    const track = await node().services.library.get(body.filename);
    await damage(`segments/${track?.home}/${url.split('/').at(-1)}`);
    expect((await download(url)).equals(before)).toBe(true);
    expect((await settled(node().url, body.filename)).status).toBe('ready');
  });
});
