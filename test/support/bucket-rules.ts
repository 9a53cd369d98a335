/** Sets a bucket up for clients that read it, as docs/direct-streaming.md says. */
import { readFile } from 'node:fs/promises';
import { PutBucketCorsCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { type S3Settings, s3Client } from '../../testkit/s3-server.ts';

type Bucket = S3Settings & { S3_BUCKET: string };

/** Lets pages read the bucket. */
export async function allowPages(env: Bucket): Promise<void> {
  const file = new URL('../../deploy/s3-cors.json', import.meta.url);
  const CORSConfiguration = JSON.parse(await readFile(file, 'utf8'));
  await sending(env, (client) =>
    client.send(new PutBucketCorsCommand({ Bucket: env.S3_BUCKET, CORSConfiguration })),
  );
}

/** Lets anybody read segments, as a bucket behind a public CDN does. */
export async function allowEverybody(env: Bucket): Promise<void> {
  const file = new URL('../../deploy/s3-public-segments.json', import.meta.url);
  const Policy = (await readFile(file, 'utf8')).replaceAll('BUCKET', env.S3_BUCKET);
  await sending(env, (client) => client.send(new PutBucketPolicyCommand({ Bucket: env.S3_BUCKET, Policy })));
}

async function sending(
  env: Bucket,
  send: (client: ReturnType<typeof s3Client>) => Promise<unknown>,
): Promise<void> {
  const client = s3Client(env);
  try {
    await send(client);
  } finally {
    client.destroy();
  }
}
