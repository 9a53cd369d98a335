/** Names of originals, `<uuid>.upload`, and of their copies, `<uuid>.upload.flac`: on disk, in scratch space and in a bucket. */
import { randomUUID } from 'node:crypto';
import type { StoredUpload } from './storage.ts';

const UPLOAD_NAME = /^[0-9a-f-]{36}\.upload$/;
const COPY_SUFFIX = '.flac';
/** Originals are for the server alone. Segments are not: another server may send them. */
export const PRIVATE_FILE = 0o600;
export const PRIVATE_FOLDER = 0o700;

export function newUpload(): string {
  return `${randomUUID()}.upload`;
}

/** @throws {Error} for what is no id of an upload. */
export function originalName(upload: string): string {
  if (!UPLOAD_NAME.test(upload)) throw new Error(`"${upload}" is no id of an upload`);
  return upload;
}

/** Returns the name of the copy of an original that can be sought in. @throws {Error} as `originalName`. */
export function copyName(upload: string): string {
  return originalName(upload) + COPY_SUFFIX;
}

/** Returns the originals, and the copies that were left of one, among the names that are stored. */
export function uploadsOf(
  stored: Iterable<string>,
  changedAt: (name: string) => Promise<number | undefined>,
): StoredUpload[] {
  const names = new Set(stored);
  const uploads = new Set([...names].map((name) => name.replace(/\.flac$/, '')));
  return [...uploads]
    .filter((upload) => UPLOAD_NAME.test(upload))
    .map((upload) => {
      const name = names.has(upload) ? upload : copyName(upload);
      return { upload, hasSeekableCopy: names.has(copyName(upload)), changedAt: () => changedAt(name) };
    });
}
