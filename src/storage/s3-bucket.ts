/** Objects of one bucket. Uses only what every S3 server has: PUT, GET, LIST, DELETE of one object. */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { fewAtATime } from '../concurrency/few-at-a-time.ts';
import { errors } from '../errors.ts';
import { type S3, unlessNoSuchKey } from './s3-client.ts';

const DELETES_AT_ONCE = 16;
/** A body of more bytes gets more time. */
const LARGE_BYTES = 1024 ** 2;

export interface StoredObject {
  key: string;
  bytes: number;
  /** Milliseconds since 1970. */
  changedAt: number;
}

/** Headers that a server sends to those who read an object from it. */
export interface ObjectHeaders {
  ContentType: string;
  CacheControl: string;
}

/** Every call throws 503 `storage_unavailable` where the server does not do it in time. */
export interface Bucket {
  /** Stores an object: whole, or not at all. */
  put(key: string, bytes: Buffer | string, headers?: ObjectHeaders): Promise<void>;
  /** Resolves with the bytes of an object, or with undefined where there is none. */
  get(key: string): Promise<Buffer | undefined>;
  /**
   * Hands out the bytes of an object of any size. Resolves with false where there is none. Throws the signal's reason, and as
   * `write` does.
   */
  download(
    key: string,
    write: (chunk: Buffer) => Promise<void>,
    options: { signal: AbortSignal },
  ): Promise<boolean>;
  has(key: string): Promise<boolean>;
  list(prefix: string): Promise<StoredObject[]>;
  /** Lists what comes between a prefix and the next slash. */
  listFolders(prefix: string): Promise<string[]>;
  /** Does nothing where there is no such object. */
  remove(key: string): Promise<void>;
  removeAll(prefix: string): Promise<void>;
}

export function openBucket({ client, bucket: Bucket, keysPerPage, call }: S3): Bucket {
  const pageOf = (request: { Prefix: string; Delimiter?: string; MaxKeys: number }, token?: string) => {
    const from = token === undefined ? {} : { ContinuationToken: token };
    const command = new ListObjectsV2Command({ Bucket, ...request, ...from });
    return call((options) => client.send(command, options));
  };

  async function* pagesOf(request: { Prefix: string; Delimiter?: string }) {
    let token: string | undefined;
    do {
      const page = await pageOf({ ...request, MaxKeys: keysPerPage }, token);
      yield page;
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  const list = async (prefix: string) => {
    const objects: StoredObject[] = [];
    for await (const { Contents = [] } of pagesOf({ Prefix: prefix })) {
      for (const { Key, Size, LastModified } of Contents) {
        if (Key === undefined) continue;
        objects.push({ key: Key, bytes: Size ?? 0, changedAt: LastModified?.getTime() ?? 0 });
      }
    }
    return objects;
  };

  const remove = async (key: string) => {
    await call((options) => client.send(new DeleteObjectCommand({ Bucket, Key: key }), options));
  };

  return {
    async put(key, bytes, headers) {
      const command = new PutObjectCommand({ Bucket, Key: key, Body: bytes, ...headers });
      await call((options) => client.send(command, options), { isLarge: bytes.length > LARGE_BYTES });
    },
    get: (key) =>
      unlessNoSuchKey(
        call(async (options) => {
          const command = new GetObjectCommand({ Bucket, Key: key });
          const { Body, ContentLength } = await client.send(command, options);
          const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
          if (bytes.length !== ContentLength) throw cut(key);
          return bytes;
        }),
      ),
    async download(key, write, { signal }) {
      const command = new GetObjectCommand({ Bucket, Key: key });
      // The time of a call is no limit for the body: a connection on which nothing moves ends by itself.
      const opening = call((options) => client.send(command, { ...options, abortSignal: signal }), {
        signal,
      });
      const found = await unlessNoSuchKey(opening);
      if (!found) return false;
      let left = found.ContentLength ?? 0;
      for await (const chunk of chunksOf(found.Body as AsyncIterable<Buffer>, signal)) {
        left -= chunk.length;
        await write(chunk);
      }
      if (left !== 0) throw errors.storageUnavailable(cut(key));
      return true;
    },
    async has(key) {
      const { Contents = [] } = await pageOf({ Prefix: key, MaxKeys: 1 });
      return Contents[0]?.Key === key;
    },
    list,
    async listFolders(prefix) {
      const folders: string[] = [];
      for await (const { CommonPrefixes = [] } of pagesOf({ Prefix: prefix, Delimiter: '/' })) {
        for (const { Prefix = '' } of CommonPrefixes) folders.push(Prefix.slice(prefix.length, -1));
      }
      return folders;
    },
    remove,
    async removeAll(prefix) {
      const keys = (await list(prefix)).map(({ key }) => key);
      await fewAtATime(keys, DELETES_AT_ONCE, remove);
    },
  };
}

async function* chunksOf(body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    signal.throwIfAborted();
    throw errors.storageUnavailable(error);
  }
}

function cut(key: string): Error {
  return new Error(`"${key}" was cut while it was read`);
}
