/** Makes a path of a name. Every such path is made here. */
import path from 'node:path';

/**
 * Joins names to a folder. Each is the name of one entry in the folder before it, never a path.
 *
 * @throws {Error} for any other name. `tracks/filename.ts` makes names safe long before; this check is the second one.
 */
export function safeJoin(folder: string, ...names: string[]): string {
  for (const name of names) {
    if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
      throw new Error(`a path outside ${folder} was asked for`);
    }
  }
  return path.join(folder, ...names);
}
