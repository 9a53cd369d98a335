/** A file that is written while others read it, behind the writer. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { createBroadcast } from '../concurrency/broadcast.ts';
import { syncFolder } from '../disk/write-atomic.ts';
import type { ArrivingUpload } from './storage.ts';

/** An upload is synced as it comes, so that its last sync, for which the client waits, is a short one. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;
const READ_BYTES = 64 * 1024;

export interface ArrivingFileOptions {
  upload: string;
  /** Path of the file while its bytes come. */
  temporary: string;
  /** Path of the file once all have come, in the same file system. */
  file: string;
  /** Folder of `file`, to be synced. */
  folder: string;
  /** Permissions of the file. */
  mode: number;
}

export async function openArrivingFile(options: ArrivingFileOptions): Promise<ArrivingUpload> {
  const { upload, temporary, file, folder, mode } = options;
  // Its readers share the handle: the path changes under them when the upload is finished.
  const handle = await open(temporary, 'wx+', mode);
  const hash = createHash('sha256');
  const grown = createBroadcast<void>();
  let state: 'arriving' | 'finished' | 'discarded' = 'arriving';
  let bytes = 0;
  let unsynced = 0;
  let syncing: Promise<void> = Promise.resolve();
  /** The writer and the readers. The last one closes the handle. */
  let users = 1;

  const release = async () => {
    users--;
    if (users === 0) await handle.close();
  };

  const sync = async () => {
    unsynced = 0;
    // One sync at a time, beside the bytes that still come.
    await syncing;
    syncing = handle.datasync();
    syncing.catch(() => {});
  };

  const makeDurable = async () => {
    try {
      await syncing;
      await handle.sync();
    } finally {
      await release();
    }
    await syncFolder(folder);
  };

  const read = async (offset: number): Promise<Buffer> => {
    const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - offset));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, offset);
    if (bytesRead === 0) throw new Error('the upload was cut while it arrived');
    return chunk.subarray(0, bytesRead);
  };

  return {
    upload,
    get bytes() {
      return bytes;
    },
    async write(chunk) {
      hash.update(chunk);
      // A write may take less than it was given.
      for (let offset = 0; offset < chunk.length; ) {
        offset += (await handle.write(chunk, offset)).bytesWritten;
      }
      bytes += chunk.length;
      unsynced += chunk.length;
      grown.send();
      if (unsynced >= SYNC_EVERY_BYTES) await sync();
    },
    async *follow({ signal }) {
      if (users === 0 && state === 'finished') {
        // All is written and synced, and the handle closed.
        yield* createReadStream(file, { highWaterMark: READ_BYTES, signal });
        return;
      }
      users++;
      try {
        for (let offset = 0; ; ) {
          signal.throwIfAborted();
          if (state === 'discarded') throw new Error('the upload was given up');
          if (offset < bytes) {
            const chunk = await read(offset);
            offset += chunk.length;
            yield chunk;
          } else if (state === 'finished') return;
          else await grown.next({ signal });
        }
      } finally {
        await release();
      }
    },
    usingArrived: (use) => use(state === 'finished' ? file : temporary),
    async finish() {
      await rename(temporary, file);
      state = 'finished';
      grown.send();
      const durable = makeDurable();
      // The caller meets the error when it waits.
      durable.catch(() => {});
      return { upload, bytes, sha256: hash.digest('hex'), durable };
    },
    async discard() {
      if (state !== 'arriving') return;
      state = 'discarded';
      grown.send();
      await syncing.catch(() => {});
      await release().finally(() => rm(temporary, { force: true }));
    },
  };
}
