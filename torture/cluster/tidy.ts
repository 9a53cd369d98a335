/** The janitor of a cluster without patience, and what `npm run verify` finds after it. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { openDatabase } from '../../src/database/database.ts';
import { createListening } from '../../src/database/listening.ts';
import { openPostgresLibrary } from '../../src/library/postgres.ts';
import { sweep } from '../../src/pipeline/janitor.ts';
import { removeStored } from '../../src/pipeline/remove.ts';
import { openS3Storage } from '../../src/storage/s3.ts';
import type { Cluster } from '../../testkit/cluster.ts';
import { bucketOptions } from '../../testkit/s3-server.ts';
import { projectFolder } from '../../testkit/server-process.ts';

export interface Tidied {
  /** Objects that the janitor has removed. */
  removed: number;
  /** Differences between records and objects, as sentences. */
  findings: string[];
}

/**
 * Finishes the removals that were cut off, empties the trash and removes what belongs to no track, whatever its age; then
 * compares every record with the bucket. No node may be at work.
 *
 * @param folder for scratch space.
 */
export async function tidy(cluster: Cluster, folder: string): Promise<Tidied> {
  const { settings, query } = cluster;
  const database = openDatabase(settings.DATABASE_URL);
  const listening = createListening(settings.DATABASE_URL);
  try {
    const library = openPostgresLibrary({
      database,
      listening,
      node: NO_NODE,
      encodes: false,
      ffmpegVersion: async () => '',
    });
    const storage = await openS3Storage({
      ...bucketOptions(settings),
      scratchFolder: path.join(folder, 'tidy'),
      scratchBytes: 1024 ** 3,
    });
    const before = (await cluster.objects()).length;
    await query("update tracks set removed_at = now() - interval '1 day' where removed_at is not null");
    await query("update trash set not_before = now() - interval '1 second'");
    await library.finishRemovals((track) => removeStored(track, storage));
    await library.emptyTrash(storage.removeUpload);
    await sweep({ library, storage, log: pino({ level: 'silent' }) }, { ageMs: 0 });
    const removed = before - (await cluster.objects()).length;
    return { removed, findings: await verify(settings) };
  } finally {
    await listening.close();
    await database.close();
  }
}

/** Runs `npm run verify` as an operator does. */
async function verify(settings: Record<string, string>): Promise<string[]> {
  const env = { ...process.env, ...settings };
  const script = path.join(projectFolder, 'scripts', 'verify.mjs');
  try {
    await promisify(execFile)(process.execPath, [script], { env });
    return [];
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    return `${stdout}${stderr}`.trim().split('\n');
  }
}

const NO_NODE = '00000000-0000-0000-0000-000000000000';
