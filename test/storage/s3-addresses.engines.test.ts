/** Addresses of segments at a real S3 server, as clients use them. */
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type DirectReading, openS3Storage } from '../../src/storage/s3.ts';
import { createPresigner } from '../../src/storage/s3-presigned.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { bucketOptions } from '../../testkit/s3-server.ts';
import { addressesContract } from '../contracts/addresses.ts';
import { allowEverybody, allowPages } from '../support/bucket-rules.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freshBucket, hasS3 } from '../support/on-engines.ts';

const HOME = '7d3f9f0e-8f4e-4b8a-9a55-6a1f6f5b3c21';
const NAME = 'aac-128k-3f9a2c1b-00001.m4s';
const SIGNED: DirectReading = { publicUrl: undefined, endpoint: undefined };

type Env = Awaited<ReturnType<typeof freshBucket>>;

async function openOn(env: Env, direct: DirectReading | undefined): Promise<Storage> {
  return openS3Storage({
    ...bucketOptions(env),
    scratchFolder: path.join(await temporaryFolder(), 'scratch'),
    scratchBytes: 1024 ** 2,
    direct,
  });
}

describe.runIf(hasS3)('signed addresses', () => {
  addressesContract(async () => openOn(await freshBucket(), SIGNED));

  it('open one segment, for reading', async () => {
    const storage = await openOn(await freshBucket(), SIGNED);
    const other = NAME.replace('00001', '00002');
    for (const name of [NAME, other]) await storage.putSegment(HOME, name, Buffer.from('sound'));
    const address = storage.addresses?.of(HOME, NAME) ?? '';
    expect((await fetch(address)).status).toBe(200);
    expect((await fetch(address.replace(NAME, other))).status).toBe(403);
    for (const method of ['HEAD', 'DELETE', 'PUT'])
      expect([method, (await fetch(address, { method })).status]).toEqual([method, 403]);
    expect((await fetch(address.replace(/\?.*/, ''))).status).toBe(403);
  });

  it('end', async () => {
    const env = await freshBucket();
    const storage = await openOn(env, SIGNED);
    await storage.putSegment(HOME, NAME, Buffer.from('sound'));
    const statusOf = async (from: number) => {
      const presign = createPresigner({
        bucket: new URL(`${env.S3_ENDPOINT}/${env.S3_BUCKET}`),
        region: env.S3_REGION,
        credentials: { accessKeyId: env.S3_ACCESS_KEY_ID, secretAccessKey: env.S3_SECRET_ACCESS_KEY },
        from: new Date(from),
        seconds: 100,
      });
      return (await fetch(presign(`segments/${HOME}/${NAME}`))).status;
    };
    expect(await statusOf(Date.now() - 50_000)).toBe(200);
    expect(await statusOf(Date.now() - 101_000)).toBe(403);
  });

  it('begin with the address of the server for clients, which is part of what is signed', async () => {
    const env = await freshBucket();
    const endpoint = env.S3_ENDPOINT.replace('127.0.0.1', 'localhost');
    const storage = await openOn(env, { publicUrl: undefined, endpoint });
    await storage.putSegment(HOME, NAME, Buffer.from('sound'));
    const address = storage.addresses?.of(HOME, NAME) ?? '';
    expect(address).toMatch(`${endpoint}/${env.S3_BUCKET}/segments/`);
    expect((await fetch(address)).status).toBe(200);
    expect((await fetch(address.replace(endpoint, env.S3_ENDPOINT))).status).toBe(403);
  });

  it.each(['https://page.example', 'null'])(
    'are for pages of the origin %s, as deploy/s3-cors.json says',
    async (origin) => {
      const env = await freshBucket();
      const storage = await openOn(env, SIGNED);
      await allowPages(env);
      await storage.putSegment(HOME, NAME, Buffer.from('sound'));
      const { headers, status } = await fetch(storage.addresses?.of(HOME, NAME) ?? '', {
        headers: { origin },
      });
      expect(status).toBe(200);
      expect(['*', origin]).toContain(headers.get('access-control-allow-origin'));
    },
  );
});

describe.runIf(hasS3)('public addresses', () => {
  addressesContract(async () => {
    const env = await freshBucket();
    await allowEverybody(env);
    return openOn(env, { publicUrl: `${env.S3_ENDPOINT}/${env.S3_BUCKET}`, endpoint: undefined });
  });

  it('leave originals private, as deploy/s3-public-segments.json says', async () => {
    const env = await freshBucket();
    await allowEverybody(env);
    const storage = await openOn(env, undefined);
    const arriving = await storage.beginUpload();
    await arriving.write(Buffer.from('audio'));
    await (await arriving.finish()).durable;
    const bucket = `${env.S3_ENDPOINT}/${env.S3_BUCKET}`;
    expect((await fetch(`${bucket}/originals/${arriving.upload}`)).status).toBe(403);
    expect((await fetch(`${bucket}/?list-type=2`)).status).toBe(403);
  });
});

it.runIf(hasS3)('a storage has no addresses where clients are not to read it', async () => {
  expect((await openOn(await freshBucket(), undefined)).addresses).toBeUndefined();
});
