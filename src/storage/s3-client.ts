/** The client of an S3 server: its settings, its limits of time, and its errors. */
import { S3Client, S3ServiceException } from '@aws-sdk/client-s3';
import { state as sdkState } from '@aws-sdk/core/client';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { unlessAborted } from '../concurrency/deferred.ts';
import { errors } from '../errors.ts';

export interface S3Settings {
  bucket: string;
  /** Address of the server; undefined for that of AWS in `region`. */
  endpoint: string | undefined;
  region: string;
  /** Both or none. Without them the SDK finds credentials: its variables, its files, the role of the machine. */
  accessKeyId: string | undefined;
  secretAccessKey: string | undefined;
}

const CONNECTION_MS = 2000;
/** One attempt of a small call. */
const REQUEST_MS = 5000;
/** All attempts of a small call: players give up after 10 s without a byte. */
const CALL_MS = 8000;
/** One attempt with a part of a file, which may have a slow way. */
const LARGE_REQUEST_MS = 60_000;
const LARGE_CALL_MS = 120_000;
/** A connection on which nothing moves for so long is dead. */
const IDLE_MS = 10_000;
const ATTEMPTS = 3;
const CONNECTIONS = 256;

/** Options of the SDK for one call. */
type CallOptions = { abortSignal: AbortSignal; requestTimeout: number };

export function createS3Client(settings: S3Settings): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey } = settings;
  // The SDK would warn of the version of Node at its first client, on standard error and not in the log.
  sdkState.warningEmitted = true;
  const agent = { keepAlive: true, maxSockets: CONNECTIONS };
  const silent = () => {};
  return new S3Client({
    region,
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(accessKeyId && secretAccessKey && { credentials: { accessKeyId, secretAccessKey } }),
    maxAttempts: ATTEMPTS,
    // Servers other than AWS know neither the checksums of newer clients nor all of their trailers.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // It opens a connection for each part, and waits on it for 6 s where a server does not answer.
    expectContinueHeader: false,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: CONNECTION_MS,
      requestTimeout: REQUEST_MS,
      throwOnRequestTimeout: true,
      socketTimeout: IDLE_MS,
      httpAgent: agent,
      httpsAgent: agent,
      logger: { debug: silent, info: silent, warn: silent, error: silent },
    }),
  });
}

/**
 * Calls the server, for 8 s with all attempts.
 *
 * @param options.isLarge carries a part of a file: 120 s.
 * @throws {AppError} 503 `storage_unavailable` with the cause; the signal's reason.
 */
export async function callS3<T>(
  call: (options: CallOptions) => Promise<T>,
  { isLarge = false, signal }: { isLarge?: boolean; signal?: AbortSignal } = {},
): Promise<T> {
  const deadline = AbortSignal.timeout(isLarge ? LARGE_CALL_MS : CALL_MS);
  const abortSignal = signal ? AbortSignal.any([signal, deadline]) : deadline;
  const requestTimeout = isLarge ? LARGE_REQUEST_MS : REQUEST_MS;
  try {
    // The SDK waits between its attempts whatever the signal says.
    return await unlessAborted(call({ abortSignal, requestTimeout }), abortSignal);
  } catch (error) {
    signal?.throwIfAborted();
    throw errors.storageUnavailable(error);
  }
}

/** Resolves with undefined where the server has no object of a key. It says another thing where the bucket is gone. */
export async function unlessNoSuchKey<T>(called: Promise<T>): Promise<T | undefined> {
  return called.catch((error: Error) => {
    if (error.cause instanceof S3ServiceException && error.cause.name === 'NoSuchKey') return undefined;
    throw error;
  });
}
