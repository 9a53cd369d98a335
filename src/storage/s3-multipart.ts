/** Multipart uploads to one bucket: objects of many parts, which are there once all parts are. */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { S3 } from './s3-client.ts';

/** A multipart upload that is not complete. */
export interface Multipart {
  key: string;
  id: string;
}

/** Every call throws 503 `storage_unavailable` where the server does not do it in time. */
export interface Multiparts {
  begin(key: string): Promise<Multipart>;
  /**
   * Sends a part of at least 5 MiB, unless it is the last one. Resolves with its tag. Throws the signal's reason.
   *
   * @param number from 1 to 10,000.
   */
  put(to: Multipart, part: { number: number; bytes: Buffer; signal: AbortSignal }): Promise<string>;
  /** Makes an object of all parts, given their tags in order. */
  complete(of: Multipart, tags: readonly string[]): Promise<void>;
  /** Does nothing where there is no such upload. */
  abort(of: Multipart): Promise<void>;
  /** Lists those that are not complete, with the time when each began, in milliseconds since 1970. */
  list(prefix: string): Promise<(Multipart & { begunAt: number })[]>;
}

export function openMultiparts({ client, bucket: Bucket, keysPerPage, call }: S3): Multiparts {
  const named = ({ key, id }: Multipart) => ({ Bucket, Key: key, UploadId: id });

  return {
    async begin(key) {
      const command = new CreateMultipartUploadCommand({ Bucket, Key: key });
      const { UploadId: id = '' } = await call((options) => client.send(command, options));
      return { key, id };
    },
    async put(to, { number, bytes, signal }) {
      const command = new UploadPartCommand({ ...named(to), PartNumber: number, Body: bytes });
      const { ETag = '' } = await call((options) => client.send(command, options), {
        isLarge: true,
        signal,
      });
      return ETag;
    },
    async complete(of, tags) {
      const Parts = tags.map((ETag, at) => ({ ETag, PartNumber: at + 1 }));
      const command = new CompleteMultipartUploadCommand({ ...named(of), MultipartUpload: { Parts } });
      await call((options) => client.send(command, options), { isLarge: true });
    },
    async abort(of) {
      const command = new AbortMultipartUploadCommand(named(of));
      await call((options) => client.send(command, options)).catch((error: Error) => {
        if (error.cause instanceof S3ServiceException && error.cause.name === 'NoSuchUpload') return;
        throw error;
      });
    },
    async list(prefix) {
      const found: (Multipart & { begunAt: number })[] = [];
      let from: { KeyMarker?: string; UploadIdMarker?: string } | undefined = {};
      while (from) {
        const command: ListMultipartUploadsCommand = new ListMultipartUploadsCommand({
          ...{ Bucket, Prefix: prefix, MaxUploads: keysPerPage },
          ...from,
        });
        const page = await call((options) => client.send(command, options));
        for (const { Key = '', UploadId = '', Initiated } of page.Uploads ?? []) {
          found.push({ key: Key, id: UploadId, begunAt: Initiated?.getTime() ?? 0 });
        }
        const { IsTruncated, NextKeyMarker = '', NextUploadIdMarker = '' } = page;
        from = IsTruncated ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker } : undefined;
      }
      return found;
    },
  };
}
