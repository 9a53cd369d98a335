/** A database and a bucket of a test's own, on the real engines that the project `engines` shares. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { inject, vi } from 'vitest';
import { createDatabase } from '../../testkit/postgres-server.ts';
import { createBucket, type S3Settings, s3Settings } from '../../testkit/s3-server.ts';
import { isThere } from './requirement.ts';

const { postgresPort, s3Port, folder } = inject('engines');

/** For `describe.runIf`. @throws {Error} under CI=true where PostgreSQL is not installed. */
export const hasPostgres = isThere(postgresPort !== undefined, {
  what: 'PostgreSQL is not installed (apt-get install postgresql)',
  untested: 'what needs a database',
});

/** For `describe.runIf`. @throws {Error} under CI=true where Ceph is not installed. */
export const hasS3 = isThere(s3Port !== undefined, {
  what: 'there is no S3 server (apt-get install radosgw ceph-mon ceph-osd)',
  untested: 'what needs a bucket',
});

/** Makes an empty database and resolves with the setting that names it. */
export async function freshDatabase(): Promise<{ DATABASE_URL: string }> {
  await started('postgres');
  const admin = `postgres://app@127.0.0.1:${postgresPort}/postgres`;
  return { DATABASE_URL: await createDatabase(admin) };
}

/** Makes an empty bucket and resolves with the settings that name it. */
export async function freshBucket(): Promise<S3Settings & { S3_BUCKET: string }> {
  await started('s3');
  const env = s3Settings(s3Port as number);
  return { ...env, S3_BUCKET: await createBucket(env) };
}

async function started(engine: 'postgres' | 's3'): Promise<void> {
  const failure = await vi.waitFor(() => readFile(path.join(folder, engine), 'utf8'), {
    timeout: 60_000,
    interval: 50,
  });
  if (failure !== '') throw new Error(`the engine "${engine}" did not start: ${failure}`);
}
