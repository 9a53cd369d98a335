/** Reads published files, which never change. */
import { closeSync, fstat, open, read, readFileSync } from 'node:fs';
import { setImmediate as othersTurn } from 'node:timers/promises';

/**
 * Reads a published file. Uses callbacks: they take two thirds of the time that `fs/promises` takes of the thread that all
 * responses share.
 *
 * @throws the system's error.
 */
export function readPublished(file: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    open(file, 'r', (cannotOpen, fd) => {
      if (cannotOpen) return reject(cannotOpen);
      const settle = (error: Error | null, bytes?: Buffer) => {
        // Nothing was written, so a failing close loses nothing.
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

/** Reads to the end: one read may give less than it was asked for. */
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
    // Something has cut the file meanwhile; its caller sees that by the bytes.
    else if (count === 0) settle(null, bytes.subarray(0, from));
    else readAll(fd, bytes, from + count, settle);
  });
}

/** Longest time that other work waits while files are read, in milliseconds. */
const SLICE_MS = 5;
/** A slice with fewer files had to wait for the disk. */
const FEWEST_IN_SLICE = 16;
/** Files that other threads read then, before this thread tries again. */
const ELSEWHERE = 128;

/**
 * Creates a reader for thousands of small files that many callers ask for at once. Reads files that the system has in memory on
 * this thread: another thread takes five times as long. Leaves files that the disk must deliver to other threads, which wait side
 * by side.
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
