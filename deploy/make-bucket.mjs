/**
 * Makes the bucket of the settings S3_* unless it is there, and lets it end unfinished multipart uploads after three days. Waits
 * up to a minute for the S3 server. Run it where the dependencies of the server are: node deploy/make-bucket.mjs
 */
import {
  CreateBucketCommand,
  ListObjectsV2Command,
  PutBucketLifecycleConfigurationCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';

const WAIT_MS = 60_000;
const {
  S3_BUCKET: Bucket,
  S3_ENDPOINT,
  S3_REGION = 'us-east-1',
  S3_ACCESS_KEY_ID,
  S3_SECRET_ACCESS_KEY,
} = process.env;

if (!Bucket) exitWith('Set S3_BUCKET to the name of the bucket.');
const client = new S3Client({
  region: S3_REGION,
  ...(S3_ENDPOINT && { endpoint: S3_ENDPOINT, forcePathStyle: true }),
  ...(S3_ACCESS_KEY_ID && {
    credentials: { accessKeyId: S3_ACCESS_KEY_ID, secretAccessKey: S3_SECRET_ACCESS_KEY ?? '' },
  }),
});
await makeBucket().catch((error) => exitWith(`The bucket "${Bucket}" cannot be made: ${error}`));
await setLifecycle().catch((error) => {
  // Nodes end unfinished uploads as well.
  console.warn(`The bucket "${Bucket}" has no lifecycle rule: ${error}`);
});

async function makeBucket() {
  // Not HEAD, whose response cannot say why it is refused.
  if (await answered(() => client.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 })))) {
    return console.log(`The bucket "${Bucket}" is there.`);
  }
  const elsewhere = S3_REGION !== 'us-east-1' && !S3_ENDPOINT;
  await client.send(
    new CreateBucketCommand({
      Bucket,
      ...(elsewhere && { CreateBucketConfiguration: { LocationConstraint: S3_REGION } }),
    }),
  );
  console.log(`The bucket "${Bucket}" is made.`);
}

async function setLifecycle() {
  const rule = {
    ID: 'unfinished-uploads',
    Status: 'Enabled',
    Filter: { Prefix: '' },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 3 },
  };
  await client.send(
    new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: [rule] } }),
  );
  console.log('Unfinished uploads end after three days.');
}

/** Resolves with whether the bucket is there. Repeats `ask` while the server does not answer. @throws what it answers. */
async function answered(ask) {
  const end = Date.now() + WAIT_MS;
  for (;;) {
    try {
      await ask();
      return true;
    } catch (error) {
      const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
      if (status === 404) return false;
      const isStarting = status === undefined || status >= 500;
      if (!isStarting || Date.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function exitWith(message) {
  console.error(message);
  process.exit(1);
}
