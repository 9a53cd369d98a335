/** Reading files that are published: they never change. */
import { closeSync, fstat, open, read, readFileSync } from 'node:fs';
import { setImmediate as othersTurn } from 'node:timers/promises';

/**
 * By callbacks: of the one thread that all answers share it takes two thirds of what `fs/promises` takes.
 *
 * @throws the system's error.
 */
export function readPublished(file: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    open(file, 'r', (cannotOpen, fd) => {
      if (cannotOpen) return reject(cannotOpen);
      const settle = (error: Error | null, bytes?: Buffer) => {
        // Nothing was written, so there is nothing that it could wait for.
        closeSync(fd);
        if (bytes) resolve(bytes);
        else reject(error);
      };
      fstat(fd, (cannotTell, stats) => {
        if (cannotTell) return settle(cannotTell);
        readAll(fd, Buffer.allocUnsafeSlow(stats.size), 0, settle);
      });
    });
  });
}

/** A read may give less than it was asked for. */
function readAll(
  fd: number,
  bytes: Buffer,
  from: number,
  settle: (error: Error | null, bytes?: Buffer) => void,
): void {
  if (from === bytes.length) {
    settle(null, bytes);
    return;
  }
  read(fd, bytes, from, bytes.length - from, null, (error, count) => {
    if (error) settle(error);
    // It was cut under way; what there is tells so.
    else if (count === 0) settle(null, bytes.subarray(0, from));
    else readAll(fd, bytes, from + count, settle);
  });
}

/** For so long others wait while files are read, in milliseconds. */
const SLICE_MS = 5;
/** When a slice had fewer, they had to be waited for. */
const FEWEST_IN_SLICE = 16;
/** So many are left to other threads then, before it is tried here again. */
const ELSEWHERE = 128;

/**
 * For thousands of small files, read by many callers at once. What the system has in its memory is read here and now: to
 * have another thread do it takes five times as long. What a disk must be waited for is left to other threads, which
 * wait side by side.
 *
 * @returns as `readPublished`.
 */
export function createBulkReader({ fewest = FEWEST_IN_SLICE } = {}): (file: string) => Promise<Buffer> {
  let elsewhere = 0;
  let inSlice = 0;
  let nextSlice = Promise.resolve();
  let sliceEnds = 0;
  const beginSlice = async () => {
    await othersTurn();
    inSlice = 0;
    sliceEnds = performance.now() + SLICE_MS;
  };
  return async (file) => {
    if (elsewhere === 0 && performance.now() > sliceEnds) {
      if (sliceEnds > 0 && inSlice < fewest) elsewhere = ELSEWHERE;
      sliceEnds = Number.POSITIVE_INFINITY;
      nextSlice = beginSlice();
    }
    if (elsewhere > 0) {
      elsewhere--;
      return readPublished(file);
    }
    await nextSlice;
    inSlice++;
    return readFileSync(file);
  };
}
