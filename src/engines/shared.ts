/** Many nodes: records, leases and messages in PostgreSQL, originals and segments in an S3 bucket. `DATA_DIR` is scratch space. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { SharedEngines } from '../config/config.ts';
import { openDatabase } from '../database/database.ts';
import { createListening } from '../database/listening.ts';
import { migrate } from '../database/migrate.ts';
import { isWholeSegment } from '../encoding/boxes.ts';
import { type ClusterEncoder, createClusterEncoder } from '../encoding/cluster/cluster-encoder.ts';
import { createClaimedTracks } from '../facts/cluster/claimed-tracks.ts';
import { openPostgresLibrary } from '../library/postgres.ts';
import { cacheSegments } from '../storage/cache.ts';
import { openS3Storage } from '../storage/s3.ts';
import { createChores } from './chores.ts';
import { inDataDir } from './data-dir.ts';
import type { Engines, EnginesOptions } from './engines.ts';

const LEASE_CONNECTIONS = 3;

/** @throws {StartupError} with a message for the operator, when an engine or `DATA_DIR` cannot be used. */
export async function openSharedEngines(
  { config, log, ffmpegVersion }: EnginesOptions,
  { databaseUrl, bucket, endpoint, region, credentials, direct }: SharedEngines,
): Promise<Engines> {
  const { dataDir, role, nodeName: name, concurrency } = config;
  const database = openDatabase(databaseUrl);
  // Searches of clients may take all connections of the other pool for seconds, and leases would run out.
  const leaseDatabase = openDatabase(databaseUrl, LEASE_CONNECTIONS);
  try {
    await migrate(databaseUrl, database, log);
    const [identity] = await database.query<{ id: string }>('select id from identity');
    const { opened: storage, lock } = await inDataDir(dataDir, async () =>
      cacheSegments(
        await openS3Storage({
          bucket,
          endpoint: endpoint ?? undefined,
          region,
          accessKeyId: credentials?.accessKeyId,
          secretAccessKey: credentials?.secretAccessKey,
          direct: direct
            ? { publicUrl: direct.publicUrl ?? undefined, endpoint: direct.endpoint ?? undefined }
            : undefined,
          scratchFolder: path.join(dataDir, 'scratch'),
          scratchBytes: config.scratchBytes,
          ...(identity && { databaseId: identity.id }),
        }),
        { maxBytes: config.segmentCacheBytes, isWhole: isWholeSegment },
      ),
    );
    const node = randomUUID();
    const listening = createListening(databaseUrl);
    const library = openPostgresLibrary({
      ...{ database, listening, node, ffmpegVersion },
      encodes: role !== 'api',
    });
    const chores = createChores({ database, library, storage, log });
    let encoder: ClusterEncoder | undefined;
    return {
      library,
      storage,
      places: {
        library: 'the database (DATABASE_URL)',
        storage: `the bucket "${bucket}" (S3_BUCKET)`,
      },
      createEncoder({ make, ...options }) {
        const createEncoder = role === 'api' ? undefined : make;
        encoder = createClusterEncoder({
          ...options,
          ...{
            database,
            leaseDatabase,
            listening,
            library,
            storage,
            log,
            node,
            concurrency,
            ffmpegVersion,
            createEncoder,
          },
        });
        return encoder;
      },
      facts:
        role === 'api'
          ? undefined
          : {
              pending: createClaimedTracks({ database, library, node }),
              // A database that fails over may forget that a track was analysed, and needs the original again.
              storage: { ...storage, removeUpload: library.trash },
            },
      start: async () => chores.start(),
      nodeState: () => ({ name, role, leases: encoder?.leases ?? 0 }),
      async close() {
        await chores.close();
        await listening.close();
        await Promise.all([database.close(), leaseDatabase.close()]);
        await lock.release();
      },
    };
  } catch (error) {
    await Promise.all([database.close(), leaseDatabase.close()]);
    throw error;
  }
}
