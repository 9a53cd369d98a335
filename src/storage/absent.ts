/** Reads what may not be there. */
import { stat } from 'node:fs/promises';
import { hasCode } from '../errors.ts';

/** Resolves with `value` where a file does not exist, or could not under its name. */
export async function absentAs<T, U>(value: U, reading: Promise<T>): Promise<T | U> {
  return reading.catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return value;
    throw error;
  });
}

/** Resolves with the time of the last change of a file, in milliseconds since 1970; undefined where there is none. */
export async function changedAt(file: string): Promise<number | undefined> {
  return (await absentAs(undefined, stat(file)))?.mtimeMs;
}
