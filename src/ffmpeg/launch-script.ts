/** The shell script that starts the tools: what it says of the system, and the launchers that source it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL('./launch.sh', import.meta.url));
const TIMEOUT_MS = 20_000;

/** Absolute paths of programs that work; empty where the system has none. */
export interface Abilities {
  perl: string;
  setsid: string;
  setpriv: string;
  /** True if the system allows Linux's idle policy. */
  canBeIdle: boolean;
}

/** Way in which a process yields to others: not at all, by a niceness, or under Linux's idle policy. */
export type Niceness = 0 | 5 | 10 | 19 | 'idle';

/** The variables of `launch.sh`, which says what they mean. */
export interface LaunchSettings extends Omit<Abilities, 'canBeIdle'> {
  program: string;
  niceness: Niceness;
  sandbox: 'bubblewrap' | 'unshare' | 'none';
  root: string;
  openFiles: number;
  addressSpaceKilobytes: number;
  cpuSeconds: number;
  fileBlocks: number;
}

/**
 * Asks the system what every launch may use.
 *
 * @throws {Error} where there is no shell, or the script is missing.
 */
export async function findAbilities(): Promise<Abilities> {
  const { stdout } = await run('/bin/sh', [SCRIPT, '--abilities'], { timeout: TIMEOUT_MS });
  const found = Object.fromEntries(
    stdout
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s, 2)),
  );
  const { perl = '', setsid = '', setpriv = '', idle } = found;
  return { perl, setsid, setpriv, canBeIdle: idle === 'yes' };
}

/** Writes the text of a launcher: assignments, then `launch.sh`. */
export function launcherText(settings: LaunchSettings): string {
  const assignments = Object.entries(settings).map(
    ([name, value]) => `${snakeCase(name)}=${shellQuote(String(value))}`,
  );
  return `#!/bin/sh
# Written by the server at its start, and used by it only.
${assignments.join('\n')}
. ${shellQuote(SCRIPT)}
`;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function shellQuote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
