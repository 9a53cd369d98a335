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

/** Limits of time, in milliseconds, and of one answer. */
export interface S3Limits {
  connectionMs: number;
  /** One attempt of a small call. */
  requestMs: number;
  /** All attempts of a small call: players give up after 10 s without a byte. */
  callMs: number;
  /** One attempt with a part of a file, which may have a slow way. */
  largeRequestMs: number;
  largeCallMs: number;
  /** A connection on which nothing moves for so long is dead. */
  idleMs: number;
  /** Names on one page of a list. */
  keysPerPage: number;
}

const LIMITS: S3Limits = {
  connectionMs: 2000,
  requestMs: 5000,
  callMs: 8000,
  largeRequestMs: 60_000,
  largeCallMs: 120_000,
  idleMs: 10_000,
  keysPerPage: 1000,
};
const ATTEMPTS = 3;
const CONNECTIONS = 256;

/** Options of the SDK for one call. */
type CallOptions = { abortSignal: AbortSignal; requestTimeout: number };

/** A bucket of a server. */
export interface S3 {
  client: S3Client;
  bucket: string;
  keysPerPage: number;
  /** Returns the address of the bucket. @param endpoint of the server; undefined for AWS. */
  addressFor(endpoint: string | undefined): URL;
  /**
   * Calls the server, for 8 s with all attempts.
   *
   * @param options.isLarge carries a part of a file: 120 s.
   * @throws {AppError} 503 `storage_unavailable` with the cause; the signal's reason.
   */
  call<T>(
    send: (options: CallOptions) => Promise<T>,
    options?: { isLarge?: boolean; signal?: AbortSignal },
  ): Promise<T>;
}

/** @param changes of the limits, for tests. */
export function createS3(settings: S3Settings, changes: Partial<S3Limits> = {}): S3 {
  const limits = { ...LIMITS, ...changes };
  const client = createClient(settings, limits);
  return {
    client,
    bucket: settings.bucket,
    keysPerPage: limits.keysPerPage,
    addressFor(endpoint) {
      const server = endpoint === undefined ? {} : { Endpoint: endpoint, ForcePathStyle: true };
      return client.config.endpointProvider({ Bucket: settings.bucket, Region: settings.region, ...server })
        .url;
    },
    async call(send, { isLarge = false, signal } = {}) {
      const deadline = AbortSignal.timeout(isLarge ? limits.largeCallMs : limits.callMs);
      const abortSignal = signal ? AbortSignal.any([signal, deadline]) : deadline;
      const requestTimeout = isLarge ? limits.largeRequestMs : limits.requestMs;
      try {
        // The SDK waits between its attempts whatever the signal says.
        return await unlessAborted(send({ abortSignal, requestTimeout }), abortSignal);
      } catch (error) {
        signal?.throwIfAborted();
        throw errors.storageUnavailable(error);
      }
    },
  };
}

function createClient(settings: S3Settings, limits: S3Limits): S3Client {
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
      connectionTimeout: limits.connectionMs,
      requestTimeout: limits.requestMs,
      throwOnRequestTimeout: true,
      socketTimeout: limits.idleMs,
      httpAgent: agent,
      httpsAgent: agent,
      logger: { debug: silent, info: silent, warn: silent, error: silent },
    }),
  });
}

/** Resolves with undefined where the server has no object of a key. It says another thing where the bucket is gone. */
export async function unlessNoSuchKey<T>(called: Promise<T>): Promise<T | undefined> {
  return called.catch((error: Error) => {
    if (error.cause instanceof S3ServiceException && error.cause.name === 'NoSuchKey') return undefined;
    throw error;
  });
}
