/** What operators and KEDA ask PostgreSQL, and the script that makes the bucket, on real engines. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GetBucketLifecycleConfigurationCommand } from '@aws-sdk/client-s3';
import pg from 'pg';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { s3Client } from '../../testkit/s3-server.ts';
import { exitOf, projectFolder, textOf } from '../../testkit/server-process.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { deployDocuments } from './deploy-files.ts';

const guide = readFileSync(path.join(projectFolder, 'docs', 'deploying.md'), 'utf8');
const questions = [...guide.matchAll(/```sql\n(.*?)```/gs)].map(([, sql]) => sql as string);

/** One track of each kind: encoded by two nodes, waiting, orphaned, being deleted. */
const WORK = `
  insert into tracks (filename, name_key, status, uploaded_at, search, record)
    select name, name, 'processing', now(), '', '{}' from unnest(array['a', 'b', 'c', 'd', 'e', 'f']) as name;
  insert into work (filename, added_at, node, until, cancel, attempts) values
    ('a', now(), '00000000-0000-0000-0000-000000000001', now() + interval '6 s', false, 0),
    ('b', now(), '00000000-0000-0000-0000-000000000001', now() + interval '5 s', false, 0),
    ('c', now(), '00000000-0000-0000-0000-000000000002', now() + interval '6 s', false, 0),
    ('d', now() - interval '1 hour', null, '-infinity', false, 0),
    ('e', now(), '00000000-0000-0000-0000-000000000003', now() - interval '1 s', false, 2),
    ('f', now() - interval '2 hours', null, '-infinity', true, 0);
  insert into trash values ('x', now() + interval '1 hour'), ('y', now() - interval '1 hour');`;

describe.runIf(hasPostgres)('questions to PostgreSQL', () => {
  it('of docs/deploying.md and of KEDA count what they say', async () => {
    const { DATABASE_URL } = await freshDatabase();
    const database = openDatabase(DATABASE_URL);
    await migrate(DATABASE_URL, database, pino({ level: 'silent' }));
    await database.close();
    const client = new pg.Client({ connectionString: DATABASE_URL });
    await client.connect();
    await client.query(WORK);
    const answers: pg.QueryResultRow[][] = [];
    for (const sql of questions) answers.push((await client.query(sql)).rows);
    const [work, leases, trash] = answers;
    expect(questions).toHaveLength(3);
    expect(work).toEqual([
      { encoded: '3', waiting: '2', orphaned: '1', longest_wait: expect.objectContaining({ hours: 1 }) },
    ]);
    expect(leases?.map(({ node, tracks }) => [node.at(-1), tracks])).toEqual([
      ['1', '2'],
      ['2', '1'],
    ]);
    expect(trash).toEqual([{ originals: '2', overdue: '1', oldest: expect.any(Date) }]);

    const [scaled] = deployDocuments('kubernetes/keda/scaledobject.yaml');
    const { rows } = await client.query({ text: scaled.spec.triggers[0].metadata.query, rowMode: 'array' });
    expect(rows).toEqual([['5']]);
    await client.end();
  });
});

describe.runIf(hasS3)('deploy/make-bucket.mjs', () => {
  const makeBucket = async (env: Record<string, string>) => {
    const child = spawn(process.execPath, ['deploy/make-bucket.mjs'], {
      cwd: projectFolder,
      env: { ...process.env, ...env },
    });
    const [code, output, errors] = await Promise.all([
      exitOf(child),
      textOf(child.stdout),
      textOf(child.stderr),
    ]);
    return { code, output, errors };
  };

  it('makes the bucket once, with a rule that ends unfinished uploads', async () => {
    const env = { ...(await freshBucket()), S3_BUCKET: `made-${process.pid}-${Date.now()}` };
    expect(await makeBucket(env)).toMatchObject({ code: 0, output: expect.stringContaining('is made') });
    expect(await makeBucket(env)).toMatchObject({ code: 0, output: expect.stringContaining('is there') });
    const client = s3Client(env);
    const { Rules } = await client.send(
      new GetBucketLifecycleConfigurationCommand({ Bucket: env.S3_BUCKET }),
    );
    client.destroy();
    expect(Rules).toEqual([
      expect.objectContaining({
        Status: 'Enabled',
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 },
      }),
    ]);
  });

  it('says what is wrong', async () => {
    const env = { ...(await freshBucket()), S3_SECRET_ACCESS_KEY: 'wrong' };
    expect(await makeBucket(env)).toMatchObject({
      code: 1,
      errors: expect.stringMatching(/^The bucket ".+" cannot be made: SignatureDoesNotMatch/m),
    });
    expect(await makeBucket({ ...env, S3_BUCKET: '' })).toMatchObject({ code: 1 });
  });
});
