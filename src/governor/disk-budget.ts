/**
 * Shares out the room on the disk: free bytes, less `MIN_FREE_BYTES`, less bytes that are promised and not written yet.
 */
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import { errors } from '../errors.ts';
import type { Room } from '../storage/storage.ts';
import type { Lease } from './budget.ts';

/** Room that is promised to one piece of work. */
export interface DiskReservation extends Lease {
  /** Reports promised bytes that are written now. From here on the disk itself counts them. */
  wrote(bytes: number): void;
}

export interface DiskBudget {
  /** Bytes that are promised and not written yet. */
  readonly reservedBytes: number;
  /** Resolves with the bytes that can still be promised; negative when less than `MIN_FREE_BYTES` is free. */
  availableBytes(): Promise<number>;
  /**
   * Promises room. No two calls are promised the same bytes.
   *
   * @throws {AppError} 507 `storage_full` when too few bytes or too few inodes are free.
   */
  reserve(need: { bytes: number; files?: number }): Promise<DiskReservation>;
  /**
   * Checks that `MIN_FREE_BYTES` are free. Call it while promised bytes are written, for other programs take room as well.
   *
   * @throws {AppError} 507 `storage_full` when less is free.
   */
  assertFree(): Promise<void>;
}

export interface DiskBudgetOptions {
  /** Resolves with the room that is free on the disk now. */
  room(): Promise<Room>;
  /** Bytes that stay free (`MIN_FREE_BYTES`). */
  minFreeBytes: number;
  /** Returns the room that accepted work will still take, such as segments that are not encoded yet. */
  demand?(): Room;
}

/** Inodes that stay free for records, manifests and temporary files. */
const MIN_FREE_FILES = 1000;

/** Creates a budget of the room on the disk, with nothing reserved. */
export function createDiskBudget({ room, minFreeBytes, demand }: DiskBudgetOptions): DiskBudget {
  const turns = createKeyedMutex();
  const reserved: Room = { bytes: 0, files: 0 };

  const available = async (): Promise<Room> => {
    const free = await room();
    const expected = demand?.() ?? { bytes: 0, files: 0 };
    return {
      bytes: free.bytes - minFreeBytes - reserved.bytes - expected.bytes,
      files: free.files - MIN_FREE_FILES - reserved.files - expected.files,
    };
  };

  return {
    get reservedBytes() {
      return reserved.bytes;
    },
    availableBytes: async () => (await available()).bytes,
    async assertFree() {
      if ((await room()).bytes < minFreeBytes) throw errors.tooLittleRoom(minFreeBytes);
    },
    reserve: ({ bytes, files = 1 }) =>
      turns.run('reserve', async () => {
        const left = await available();
        if (left.bytes < bytes || left.files < files) throw errors.tooLittleRoom(minFreeBytes);
        let unwritten = bytes;
        let isHeld = true;
        reserved.bytes += bytes;
        reserved.files += files;
        return {
          wrote(count) {
            const counted = isHeld ? Math.min(count, unwritten) : 0;
            unwritten -= counted;
            reserved.bytes -= counted;
          },
          release() {
            if (!isHeld) return;
            isHeld = false;
            reserved.bytes -= unwritten;
            reserved.files -= files;
          },
        };
      }),
  };
}
