/** A storage in a bucket of a real S3 server. */
import path from 'node:path';
import { describe } from 'vitest';
import { openS3Storage, type S3StorageOptions } from '../../src/storage/s3.ts';
import { storageContract } from '../contracts/storage.ts';
import { temporaryFolder } from '../support/folders.ts';
import { freshBucket, hasS3 } from '../support/on-engines.ts';

/** Settings of a storage on a fresh bucket. */
async function freshOptions(changes: Partial<S3StorageOptions> = {}): Promise<S3StorageOptions> {
  const env = await freshBucket();
  return {
    bucket: env.S3_BUCKET,
    endpoint: env.S3_ENDPOINT,
    region: env.S3_REGION,
    accessKeyId: env.S3_ACCESS_KEY_ID,
    secretAccessKey: env.S3_SECRET_ACCESS_KEY,
    scratchFolder: path.join(await temporaryFolder(), 'scratch'),
    scratchBytes: 1024 ** 3,
    ...changes,
  };
}

describe.runIf(hasS3)('a storage in a bucket', () => {
  storageContract(async () => {
    const options = await freshOptions();
    return { storage: await openS3Storage(options), reopen: () => openS3Storage(options) };
  });
});
