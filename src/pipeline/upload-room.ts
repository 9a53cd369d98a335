/** Reserves room on the disk for an upload, from before its first byte until it is stored or given up. */
import type { DiskBudget, DiskReservation } from '../governor/disk-budget.ts';

export interface UploadRoom {
  /**
   * Makes sure that there is room for the next bytes of the upload.
   *
   * @throws {AppError} 507 `storage_full` when there is none.
   */
  makeSure(bytes: number): Promise<void>;
  /** Notes that bytes were written. */
  wrote(bytes: number): void;
  /** Gives back the room that is not written yet. A second call does nothing. */
  release(): void;
}

/** Room that is reserved at a time for an upload that does not declare its length, or sends more than it declared. */
const STEP_BYTES = 8 * 1024 ** 2;

/**
 * Reserves the room that an upload declares. Looks at the disk itself every 8 MiB, for other programs write to it too.
 *
 * @param declaredBytes 0 if the client does not declare them.
 * @throws {AppError} 507 `storage_full` when there is too little.
 */
export async function reserveUploadRoom(disk: DiskBudget, declaredBytes: number): Promise<UploadRoom> {
  let reservation: DiskReservation = await disk.reserve({ bytes: declaredBytes || STEP_BYTES });
  let promised = declaredBytes || STEP_BYTES;
  let unchecked = 0;
  let isReleased = false;

  const extend = async (bytes: number) => {
    reservation.release();
    reservation = await disk.reserve({ bytes });
    promised = bytes;
    // It was released while the disk was asked.
    if (isReleased) reservation.release();
  };

  return {
    async makeSure(bytes) {
      unchecked += bytes;
      if (bytes > promised) await extend(Math.max(bytes, STEP_BYTES));
      else if (unchecked >= STEP_BYTES) (await disk.reserve({ bytes: 0, files: 0 })).release();
      if (unchecked >= STEP_BYTES) unchecked = 0;
    },
    wrote(bytes) {
      promised -= bytes;
      reservation.wrote(bytes);
    },
    release() {
      isReleased = true;
      reservation.release();
    },
  };
}
