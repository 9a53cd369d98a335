/** Measures `npm run migrate`: a library of 10,000 tracks to a real PostgreSQL and a real S3 server on the same cores, and back. */

import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { startPostgres } from '../testkit/postgres-server.ts';
import { startS3 } from '../testkit/s3-server.ts';
import { exitOf, memoryOf, startProgram } from '../testkit/server-process.ts';
import type { Inputs } from './inputs.ts';
import { makeCopies, makeOriginal } from './library.ts';
import { report, seconds } from './report.ts';

const TRACKS = 10_000;
const MIB = 1024 ** 2;

export async function measureMigrate(inputs: Inputs): Promise<void> {
  const [postgres, s3] = await Promise.all([startPostgres(), startS3()]);
  try {
    const env = {
      ...s3.env,
      DATABASE_URL: await postgres.createDatabase(),
      S3_BUCKET: await s3.createBucket(),
      LOG_LEVEL: 'silent',
    };
    const dataDir = path.join(inputs.folder, `migrate-${randomUUID()}`);
    const original = await makeOriginal(inputs, await inputs.silence('migrate.flac', 0.1));
    await makeCopies(dataDir, original, { prefix: 'track', count: TRACKS });
    const back = path.join(inputs.folder, `migrated-${randomUUID()}`);
    const objects = `${original.segments.length} segments each`;
    await measure(`${TRACKS} tracks of ${objects} to PostgreSQL and S3`, 'cluster', {
      ...env,
      DATA_DIR: dataDir,
    });
    await measure('the same once more, where all is there', 'cluster', { ...env, DATA_DIR: dataDir });
    await measure('the same back to a folder', 'disk', { ...env, DATA_DIR: back });
  } finally {
    await Promise.all([postgres.remove(), s3.remove()]);
  }
}

async function measure(what: string, to: string, env: Record<string, string>): Promise<void> {
  const begin = performance.now();
  const child = startProgram([process.execPath, 'scripts/migrate.mjs', '--to', to], env);
  child.stderr?.pipe(process.stderr);
  let copiedMs = 0;
  let last = '';
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
    last = line;
    if (line.startsWith('Copied ')) copiedMs = performance.now() - begin;
  });
  let peak = 0;
  let isOver = false;
  const exited = exitOf(child).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    peak = Math.max(peak, (await memoryOf(child, 'VmHWM')) ?? 0);
    await pause(100);
  }
  if ((await exited) !== 0) throw new Error(`the migration has failed: ${last}`);
  const checkedMs = performance.now() - begin - copiedMs;
  const rate = (ms: number) => `${seconds(ms)}, ${Math.round(TRACKS / (ms / 1000))} tracks/s`;
  report({
    measure: what,
    result: `copied: ${rate(copiedMs)}; checked: ${rate(checkedMs)}; memory ${Math.round(peak / MIB)} MB`,
    mustReach: 'no limit set',
    aim: '',
  });
}
