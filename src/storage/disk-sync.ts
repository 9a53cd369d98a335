/** Syncs a file to the disk as its bytes come. */
import type { FileHandle } from 'node:fs/promises';
import { syncFolder } from '../disk/write-atomic.ts';
import type { Durability } from './arriving-file.ts';

/** An upload is synced as it comes, so that its last sync, for which the client waits, is a short one. */
const SYNC_EVERY_BYTES = 8 * 1024 * 1024;

/** @param folder of the finished file. */
export function syncedToDisk(handle: FileHandle, folder: string): Durability {
  let unsynced = 0;
  let syncing: Promise<void> = Promise.resolve();

  return {
    async wrote(bytes) {
      unsynced += bytes;
      if (unsynced < SYNC_EVERY_BYTES) return;
      unsynced = 0;
      // One sync at a time, beside the bytes that still come.
      await syncing;
      syncing = handle.datasync();
      syncing.catch(() => {});
    },
    async settle() {
      await syncing;
      await handle.sync();
      await syncFolder(folder);
    },
    abandon: () => syncing.catch(() => {}),
  };
}
