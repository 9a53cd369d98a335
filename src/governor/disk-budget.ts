/** Room on the disk: what is free, less what is kept free, less what was promised and is not written yet. */

import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import { errors } from '../errors.ts';
import type { Room } from '../storage/storage.ts';
import type { Lease } from './budget.ts';

/** Room that was promised to one piece of work. */
export interface DiskReservation extends Lease {
  /** Tells that so many of the promised bytes are on the disk now: from here on the disk itself counts them. */
  wrote(bytes: number): void;
}

export interface DiskBudget {
  /** Bytes that are promised and not written yet. */
  readonly reservedBytes: number;
  /** Bytes that can still be promised; negative when less is free than is to be kept free. */
  availableBytes(): Promise<number>;
  /**
   * Promises room. Of several calls at once none is promised what another one has.
   *
   * @throws {AppError} 507 `storage_full` when there is too little room, or too few files can be made.
   */
  reserve(need: { bytes: number; files?: number }): Promise<DiskReservation>;
  /**
   * Looks whether what is to be kept free is free. To be called while promised bytes are written: others take room as well.
   *
   * @throws {AppError} 507 `storage_full` when it is not.
   */
  assertFree(): Promise<void>;
}

export interface DiskBudgetOptions {
  /** What is free on the disk now. */
  room(): Promise<Room>;
  /** Bytes that stay free (`MIN_FREE_BYTES`). */
  minFreeBytes: number;
  /** Room that work which was accepted before will still take, such as segments that are not encoded yet. */
  demand?(): Room;
}

/** Files that stay free: for records, manifests and the temporary files of writes under way. */
const MIN_FREE_FILES = 1000;

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
