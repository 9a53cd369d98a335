import { ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import pg from 'pg';
import { expect, it } from 'vitest';
import { s3Client } from '../../testkit/s3-server.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';

it.runIf(hasPostgres)('gives every test an empty database of its own', async () => {
  const databases = [await freshDatabase(), await freshDatabase()];
  const tables = await Promise.all(
    databases.map(async ({ DATABASE_URL }) => {
      const client = new pg.Client({ connectionString: DATABASE_URL });
      await client.connect();
      await client.query('create table mine (id int)');
      const { rows } = await client.query("select * from pg_tables where schemaname = 'public'");
      await client.end();
      return rows.length;
    }),
  );
  expect(tables).toEqual([1, 1]);
});

it.runIf(hasS3)('gives every test an empty bucket of its own', async () => {
  const [one, other] = [await freshBucket(), await freshBucket()];
  const client = s3Client(one);
  const countOf = async (Bucket: string) =>
    (await client.send(new ListObjectsV2Command({ Bucket }))).KeyCount;
  await client.send(new PutObjectCommand({ Bucket: one.S3_BUCKET, Key: 'a', Body: 'b' }));
  expect([await countOf(one.S3_BUCKET), await countOf(other.S3_BUCKET)]).toEqual([1, 0]);
  client.destroy();
});
