/** Reads what may not be there. */
import { hasCode } from '../errors.ts';

/** Resolves with `value` where a file does not exist, or could not under its name. */
export async function absentAs<T, U>(value: U, reading: Promise<T>): Promise<T | U> {
  return reading.catch((error: unknown) => {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ENAMETOOLONG')) return value;
    throw error;
  });
}
