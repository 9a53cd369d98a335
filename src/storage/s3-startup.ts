/** Tells the operator at the start what is wrong with the settings of a bucket. */
import { ListObjectsV2Command, S3ServiceException } from '@aws-sdk/client-s3';
import { StartupError } from '../errors.ts';
import type { Bucket } from './s3-bucket.ts';
import type { S3, S3Settings } from './s3-client.ts';

/** Holds the id of the database. */
const OWNER_KEY = 'database';
const WRONG_KEYS = new Set(['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'ExpiredToken']);

/** Lists one object of the bucket. @throws {StartupError} with what is wrong and what to do, when that fails. */
export async function assertBucket({ client, call }: S3, settings: S3Settings): Promise<void> {
  const command = new ListObjectsV2Command({ Bucket: settings.bucket, MaxKeys: 1 });
  await call((options) => client.send(command, options)).catch((error: Error) => {
    throw new StartupError(sentenceOf(error.cause, settings), { cause: error });
  });
}

/**
 * Marks the bucket as that of a database.
 *
 * @throws {StartupError} when it is that of another: its objects belong to no track of this one, and would be swept.
 */
export async function assertOwnBucket(bucket: Bucket, databaseId: string, name: string): Promise<void> {
  if ((await bucket.get(OWNER_KEY)) === undefined) await bucket.put(OWNER_KEY, databaseId);
  // Of two that mark it at once, one finds the mark of the other.
  const owner = await bucket.get(OWNER_KEY);
  if (owner?.toString() === databaseId) return;
  throw new StartupError(
    `The bucket "${name}" (S3_BUCKET) holds the tracks of another database than DATABASE_URL: everything in it would count as left behind. Correct S3_BUCKET or DATABASE_URL. If that database is lost and its tracks may go, remove the object "${OWNER_KEY}" from the bucket.`,
  );
}

function sentenceOf(error: unknown, { bucket, endpoint, region }: S3Settings): string {
  const server = endpoint ?? `AWS in ${region}`;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (!(error instanceof S3ServiceException)) {
    if (error instanceof Error && error.name === 'CredentialsProviderError') {
      return `There are no credentials for the bucket "${bucket}" (${text}). Set S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or give the machine a role that may use the bucket.`;
    }
    return `The S3 server at ${server} does not answer (${text}). Check S3_ENDPOINT, and that the server runs and can be reached from here.`;
  }
  if (error.name === 'NoSuchBucket') {
    const at = endpoint === undefined ? '' : ` --endpoint-url ${endpoint}`;
    return `The bucket "${bucket}" (S3_BUCKET) does not exist at ${server}. Make it: aws s3api create-bucket --bucket ${bucket}${locationOf(region)}${at}`;
  }
  if (WRONG_KEYS.has(error.name)) {
    return `The S3 server at ${server} does not accept the credentials (${text}). Check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY.`;
  }
  if (error.name === 'AccessDenied' || error.$metadata.httpStatusCode === 403) {
    return `The credentials may not list the bucket "${bucket}" at ${server} (${text}). Allow s3:ListBucket, s3:ListBucketMultipartUploads, s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on it.`;
  }
  return `The bucket "${bucket}" at ${server} cannot be used (${text}). Check S3_BUCKET, S3_ENDPOINT and S3_REGION.`;
}

/** Returns the option without which AWS makes a bucket in its first region only. */
function locationOf(region: string): string {
  return region === 'us-east-1'
    ? ''
    : ` --region ${region} --create-bucket-configuration LocationConstraint=${region}`;
}
