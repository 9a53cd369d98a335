/** A file that is written while others read it, behind the writer. */
import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { createBroadcast } from '../concurrency/broadcast.ts';
import type { ArrivingUpload } from './storage.ts';

const READ_BYTES = 64 * 1024;

/** Makes the bytes of an arriving file durable, beside the writer. */
export interface Durability {
  /** Told after each write. The writer waits for it, and fails as it does. */
  wrote(bytes: number): Promise<void>;
  /** Resolves when all bytes are durable. Called once, when the file is whole and has its name; its handle is open until then. */
  settle(): Promise<void>;
  /** Ends what is under way. Must not reject. */
  abandon(): Promise<void>;
}

export interface ArrivingFileOptions {
  upload: string;
  /** Path of the file while its bytes come. */
  temporary: string;
  /** Path of the file once all have come, in the same file system. */
  file: string;
  /** Permissions of the file. */
  mode: number;
  /** @param handle stays open until the durability has settled or was abandoned. */
  durability(handle: FileHandle): Durability;
  /** Gives `use` the path of the file, once all bytes have come. */
  usingFinished<T>(use: (path: string) => Promise<T>): Promise<T>;
}

export async function openArrivingFile(options: ArrivingFileOptions): Promise<ArrivingUpload> {
  const { upload, temporary, file, mode, usingFinished } = options;
  // Its readers share the handle: the path changes under them when the upload is finished.
  const handle = await open(temporary, 'wx+', mode);
  const durability = options.durability(handle);
  const hash = createHash('sha256');
  const grown = createBroadcast<void>();
  let state: 'arriving' | 'finished' | 'discarded' = 'arriving';
  let bytes = 0;
  /** The writer and the readers. The last one closes the handle. */
  let users = 1;

  const release = async () => {
    users--;
    if (users === 0) await handle.close();
  };

  /** Gives a reader a handle, and what to do with it at its end. */
  const opened = async () => {
    if (users === 0 && state === 'finished') {
      const own = await usingFinished((path) => open(path));
      return { from: own, end: () => own.close() };
    }
    users++;
    return { from: handle, end: release };
  };

  const settle = async () => {
    try {
      await durability.settle();
    } finally {
      await release();
    }
  };

  const read = async (from: FileHandle, offset: number): Promise<Buffer> => {
    const chunk = Buffer.allocUnsafe(Math.min(READ_BYTES, bytes - offset));
    const { bytesRead } = await from.read(chunk, 0, chunk.length, offset);
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
      grown.send();
      await durability.wrote(chunk.length);
    },
    async *follow({ signal }) {
      const { from, end } = await opened();
      try {
        for (let offset = 0; ; ) {
          signal.throwIfAborted();
          if (state === 'discarded') throw new Error('the upload was given up');
          if (offset < bytes) {
            const chunk = await read(from, offset);
            offset += chunk.length;
            yield chunk;
          } else if (state === 'finished') return;
          else await grown.next({ signal });
        }
      } finally {
        await end();
      }
    },
    usingArrived: (use) => (state === 'finished' ? usingFinished(use) : use(temporary)),
    async finish() {
      await rename(temporary, file);
      state = 'finished';
      grown.send();
      const durable = settle();
      // The caller meets the error when it waits.
      durable.catch(() => {});
      return { upload, bytes, sha256: hash.digest('hex'), durable };
    },
    async discard() {
      if (state !== 'arriving') return;
      state = 'discarded';
      grown.send();
      await durability.abandon();
      await release().finally(() => rm(temporary, { force: true }));
    },
  };
}
