/** What a test needs of the machine, beside ffmpeg. */

/**
 * Says loudly that something is missing, and what is not tested without it.
 *
 * @returns whether it is there, for `describe.runIf`.
 * @throws {Error} when it is missing under CI=true, where no test is left out.
 */
export function isThere(found: boolean, { what, untested }: { what: string; untested: string }): boolean {
  if (found) return true;
  const text = `NOT TESTED: ${untested}, for ${what}.`;
  if (process.env.CI === 'true') throw new Error(`${text} Under CI=true every test must run.`);
  console.warn(text);
  return false;
}
