/** Originals in a bucket, and their copies. ffmpeg reads local ones, in scratch space. */
import { type FileHandle, writeFile } from 'node:fs/promises';
import { withFile } from '../disk/write-atomic.ts';
import { type Durability, openArrivingFile } from './arriving-file.ts';
import type { Uploads } from './disk-uploads.ts';
import { createLocalCopies, type Fetch } from './local-copies.ts';
import type { Bucket } from './s3-bucket.ts';
import { copyKey, ORIGINALS, originalKey } from './s3-keys.ts';
import type { Multiparts } from './s3-multipart.ts';
import { type SendingOptions, sendToBucket } from './s3-sending.ts';
import type { Scratch, ScratchFile } from './scratch.ts';
import { copyName, newUpload, originalName, PRIVATE_FILE, uploadsOf } from './upload-name.ts';

export function createS3Uploads(
  options: Omit<SendingOptions, 'key'> & { bucket: Bucket; multiparts: Multiparts; scratch: Scratch },
): Uploads {
  const { bucket, multiparts, scratch } = options;
  const copies = createLocalCopies(scratch);
  /** Finished uploads whose last bytes are on their way to the bucket. */
  const sending = new Map<string, Durability>();

  const fetchFrom =
    (key: string): Fetch =>
    async (to, { signal }) =>
      withFile(
        to.path,
        'wx',
        async (handle) => {
          const isStored = await bucket.download(key, (chunk) => append(handle, to, chunk), { signal });
          if (!isStored) throw Object.assign(new Error(`"${key}" is not stored`), { code: 'ENOENT' });
        },
        PRIVATE_FILE,
      );

  /** Sends a file while it is written, and keeps it as a local copy. */
  const sendArriving = (upload: string, file: ScratchFile, handle: FileHandle): Durability => {
    const sent = sendToBucket(handle, { ...options, key: originalKey(upload) });
    return {
      async wrote(bytes) {
        file.grew(bytes);
        await sent.wrote(bytes);
      },
      async settle() {
        copies.add(upload, file);
        sending.set(upload, sent);
        try {
          await sent.settle();
        } finally {
          sending.delete(upload);
          file.unpin();
        }
      },
      async abandon() {
        await sent.abandon();
        await file.remove();
      },
    };
  };

  const sendWhole = (file: ScratchFile, key: string) =>
    withFile(file.path, 'r', async (handle) => {
      const sent = sendToBucket(handle, { ...options, key });
      await sent.wrote((await handle.stat()).size);
      await sent.settle();
    });

  const usingUpload: Uploads['usingUpload'] = async (upload, use, waiting) =>
    copies.using(originalName(upload), fetchFrom(originalKey(upload)), use, waiting);

  const removeSeekableCopy = async (upload: string) => {
    await bucket.remove(copyKey(upload));
    await copies.remove(copyName(upload));
  };

  return {
    async beginUpload() {
      const upload = newUpload();
      const file = scratch.file();
      return openArrivingFile({
        upload,
        temporary: file.path,
        file: file.path,
        mode: PRIVATE_FILE,
        durability: (handle) => sendArriving(upload, file, handle),
        usingFinished: (use) => usingUpload(upload, use),
      }).catch(async (error: unknown) => {
        await file.remove();
        throw error;
      });
    },
    hasUpload: async (upload) => sending.has(upload) || bucket.has(originalKey(upload)),
    usingUpload,
    async usingSource({ upload, hasSeekableCopy }, use, waiting) {
      const name = upload ?? '';
      if (!hasSeekableCopy) return usingUpload(name, use, waiting);
      return copies.using(copyName(name), fetchFrom(copyKey(name)), use, waiting);
    },
    async makeSeekableCopy(upload, write) {
      const file = scratch.file({ isWrittenByTool: true });
      try {
        // The tool writes to a file that is there already, with its mode.
        await writeFile(file.path, '', { flag: 'wx', mode: PRIVATE_FILE });
        const result = await write(file.path);
        await sendWhole(file, copyKey(upload));
        copies.add(copyName(upload), file);
        file.unpin();
        return result;
      } catch (error) {
        await file.remove();
        throw error;
      }
    },
    removeSeekableCopy,
    async removeUpload(upload) {
      const key = originalKey(upload);
      // Otherwise it would be stored after it was removed.
      await sending.get(upload)?.abandon();
      // At the same time: a server that does not answer is waited for once.
      await Promise.all([removeSeekableCopy(upload), bucket.remove(key)]);
      await copies.remove(upload);
    },
    async listUploads() {
      const stored = await bucket.list(ORIGINALS);
      const changedAt = new Map(
        stored.map((object) => [object.key.slice(ORIGINALS.length), object.changedAt]),
      );
      return uploadsOf(changedAt.keys(), async (name) => changedAt.get(name));
    },
    async sweepUnfinished({ ageMs }) {
      const before = Date.now() - ageMs;
      const old = (await multiparts.list(ORIGINALS)).filter(({ begunAt }) => begunAt <= before);
      for (const each of old) await multiparts.abort(each);
      return old.length;
    },
  };
}

async function append(handle: FileHandle, to: ScratchFile, chunk: Buffer): Promise<void> {
  for (let offset = 0; offset < chunk.length; ) {
    offset += (await handle.write(chunk, offset)).bytesWritten;
  }
  to.grew(chunk.length);
}
