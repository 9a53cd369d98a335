/** The janitor of a cluster without patience, and what `npm run verify` finds after it. */
import path from 'node:path';
import { pino } from 'pino';
import { openDatabase } from '../../src/database/database.ts';
import { createListening } from '../../src/database/listening.ts';
import { openPostgresLibrary } from '../../src/library/postgres.ts';
import { sweep } from '../../src/pipeline/janitor.ts';
import { verifyLibrary } from '../../src/pipeline/verify.ts';
import { openS3Storage } from '../../src/storage/s3.ts';
import type { Cluster } from '../../testkit/cluster.ts';

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
    const library = openPostgresLibrary({ database, listening, node: NO_NODE, encodes: false });
    const storage = await openS3Storage({
      bucket: settings.S3_BUCKET as string,
      endpoint: settings.S3_ENDPOINT,
      region: settings.S3_REGION as string,
      accessKeyId: settings.S3_ACCESS_KEY_ID,
      secretAccessKey: settings.S3_SECRET_ACCESS_KEY,
      scratchFolder: path.join(folder, 'tidy'),
      scratchBytes: 1024 ** 3,
    });
    const before = (await cluster.objects()).length;
    await query("update tracks set removed_at = now() - interval '1 day' where removed_at is not null");
    await query("update trash set not_before = now() - interval '1 second'");
    await library.finishRemovals(async ({ home, upload, uploadId }) => {
      await storage.removeHome(home);
      const original = upload ?? uploadId;
      if (original !== null) await storage.removeUpload(original);
    });
    await library.emptyTrash(storage.removeUpload);
    await sweep({ library, storage, log: pino({ level: 'silent' }) }, { ageMs: 0 });
    const removed = before - (await cluster.objects()).length;
    const findings: string[] = [];
    for await (const { filename, problem } of verifyLibrary({ library, storage })) {
      findings.push(`${filename ?? 'nobody'}: ${problem}`);
    }
    return { removed, findings };
  } finally {
    await listening.close();
    await database.close();
  }
}

const NO_NODE = '00000000-0000-0000-0000-000000000000';
