/** The one path guard: every path that is made of a name goes through here. */
import path from 'node:path';

/**
 * Joins names to a folder, and makes sure that the result is inside it.
 *
 * @throws {Error} when it is not, or holds a NUL. Names are checked long before; this is the second lock on the door.
 */
export function insideDirectory(folder: string, ...names: string[]): string {
  const joined = path.join(folder, ...names);
  const relative = path.relative(folder, joined);
  const outside = relative === '' || relative.startsWith('..') || path.isAbsolute(relative);
  if (outside || joined.includes('\0')) throw new Error(`a path outside ${folder} was asked for`);
  return joined;
}
