/** Makes a path of a name. Every such path is made here. */
import path from 'node:path';

/**
 * Joins names to a folder. Each is the name of one entry in the folder before it, never a path.
 *
 * @throws {Error} for any other name. `tracks/filename.ts` makes names safe long before; this check is the second one.
 */
export function safeJoin(folder: string, ...names: string[]): string {
  if (!names.every(isSafeName)) throw new Error(`a path outside ${folder} was asked for`);
  return path.join(folder, ...names);
}

/** Returns whether a name is that of one entry in a folder. */
export function isSafeName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name);
}
