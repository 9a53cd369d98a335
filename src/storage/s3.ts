/** A storage in one bucket of an S3 server, with scratch space on the local disk. */
import { createSlots } from '../concurrency/slots.ts';
import { publicAddresses, signedAddresses } from './s3-addresses.ts';
import { openBucket } from './s3-bucket.ts';
import { createS3, type S3, type S3Limits, type S3Settings } from './s3-client.ts';
import { openMultiparts } from './s3-multipart.ts';
import { createS3Segments } from './s3-segments.ts';
import { createS3Sidecars } from './s3-sidecars.ts';
import { assertBucket, assertOwnBucket } from './s3-startup.ts';
import { createS3Uploads } from './s3-uploads.ts';
import { openScratch } from './scratch.ts';
import type { SegmentAddresses, Storage } from './storage.ts';

/** Parts of 8 MiB in memory, among all uploads. */
const PARTS_IN_MEMORY = 4;
const TRIAL_KEY = 'writable';

export interface S3StorageOptions extends S3Settings {
  /** Absolute. Emptied, and made when missing; of this process alone. */
  scratchFolder: string;
  scratchBytes: number;
  /** Lets clients read segments from the bucket; undefined where they get them from the service alone. */
  direct?: DirectReading | undefined;
  /** Id of the database whose tracks the bucket holds: what no track of it owns is swept. Undefined leaves the bucket unmarked. */
  databaseId?: string;
  /** Other limits; tests shorten them. */
  limits?: Partial<S3Limits>;
}

/** How clients reach the bucket. */
export interface DirectReading {
  /** Address below which anybody may read it; undefined for signed addresses. */
  publicUrl: string | undefined;
  /** Address of the S3 server for clients; undefined where it is that for the service. */
  endpoint: string | undefined;
}

/**
 * Opens a storage in a bucket, which several nodes may share. The folder for scratch space is of this node alone.
 *
 * @throws {StartupError} with a message for the operator, when the bucket cannot be used.
 */
export async function openS3Storage(options: S3StorageOptions): Promise<Storage> {
  const s3 = createS3(options, options.limits);
  await assertBucket(s3, options);
  const bucket = openBucket(s3);
  if (options.databaseId !== undefined) await assertOwnBucket(bucket, options.databaseId, options.bucket);
  const multiparts = openMultiparts(s3);
  const scratch = await openScratch({ folder: options.scratchFolder, limitBytes: options.scratchBytes });
  const partSlots = createSlots(PARTS_IN_MEMORY);

  return {
    ...createS3Uploads({ bucket, multiparts, scratch, partSlots }),
    ...createS3Segments(bucket, scratch),
    ...createS3Sidecars(bucket),
    addresses: options.direct && (await addressesOf(s3, options, options.direct)),
    room: () => scratch.room(),
    takesRoom: () => ({ bytes: 0, files: 0 }),
    async assertWritable() {
      await scratch.assertWritable();
      await bucket.put(TRIAL_KEY, 'writable');
      await bucket.remove(TRIAL_KEY);
    },
  };
}

async function addressesOf(s3: S3, settings: S3Settings, direct: DirectReading): Promise<SegmentAddresses> {
  if (direct.publicUrl !== undefined) return publicAddresses(direct.publicUrl);
  return signedAddresses({
    bucket: s3.addressFor(direct.endpoint ?? settings.endpoint),
    region: settings.region,
    credentials: () => s3.client.config.credentials(),
  });
}
