/** The one path guard: every path that is made of a name goes through here. */
import path from 'node:path';

/**
 * Joins names to a folder: each is the name of one thing in the folder before it, and never a path.
 *
 * @throws {Error} for anything else. Names are checked long before; this is the second lock on the door.
 */
export function safeJoin(folder: string, ...names: string[]): string {
  for (const name of names) {
    if (name === '' || name === '.' || name === '..' || /[/\\\0]/.test(name)) {
      throw new Error(`a path outside ${folder} was asked for`);
    }
  }
  return path.join(folder, ...names);
}
