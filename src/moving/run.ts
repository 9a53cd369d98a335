/** Runs `npm run migrate`: opens both sides as the settings say, and moves a library. */
import path from 'node:path';
import type { Logger } from 'pino';
import type { Config, SharedEngines } from '../config/config.ts';
import { StartupError } from '../errors.ts';
import { openClusterSource, openClusterTarget } from './cluster-sides.ts';
import { openDiskSource, openDiskTarget } from './disk-sides.ts';
import { move } from './move.ts';
import type { Source, Target } from './sides.ts';

const HELP = `Copies a library between one machine and many servers, while its source is served.

  npm run migrate -- --to cluster [--data-dir DIR]   from DIR to the database and the bucket
  npm run migrate -- --to disk [--data-dir DIR]      from the database and the bucket to DIR

DATABASE_URL, S3_BUCKET and the other S3_ settings name the database and the bucket.
--data-dir DIR  the folder of the library: what DATA_DIR is to a server on one machine, with uploads/, segments/ and
                manifests/ in it. The default is DATA_DIR. It is never the DATA_DIR of a node that shares DATABASE_URL,
                which is scratch space.

Nothing is removed at the source or at the target. A second run goes on where the first one ended, and takes what has
come or changed since. Exits with 0 if the target has all that the source has and nothing is wrong with it, else with 1.
`;

/** What to do, as told by the command line. */
export interface Order {
  to: 'cluster' | 'disk';
  /** Overrides `DATA_DIR`; relative to the working folder. */
  dataDir: string | undefined;
}

/** Returns what the arguments say, or the help text where they ask for it. @throws {StartupError} with what is wrong with them. */
export function parseOrder(args: readonly string[]): Order | { help: string } {
  const order: { to?: string; dataDir?: string } = {};
  for (let at = 0; at < args.length; at++) {
    const [name = '', inline] = (args[at] as string).split(/=(.*)/s, 2);
    if (name === '--help' || name === '-h') return { help: HELP };
    if (name !== '--to' && name !== '--data-dir') throw wrong(`"${args[at]}" is no option.`);
    const value = inline ?? args[++at];
    if (value === undefined || value === '') throw wrong(`${name} needs a value.`);
    if (name === '--to') order.to = value;
    else order.dataDir = value;
  }
  const { to, dataDir } = order;
  if (to !== 'cluster' && to !== 'disk') throw wrong('Say --to cluster or --to disk.');
  return { to, dataDir };
}

function wrong(sentence: string): StartupError {
  return new StartupError(`${sentence}\n\n${HELP}`);
}

export interface RunOptions {
  config: Config;
  order: Order;
  log: Logger;
  /** Is given each line for people, without its end. */
  print(line: string): void;
  signal: AbortSignal;
}

/**
 * Moves a library.
 *
 * @returns true if the target has all that the source has.
 * @throws {StartupError} when a side cannot be used; the signal's reason.
 */
export async function runMove({ config, order, log, print, signal }: RunOptions): Promise<boolean> {
  const { shared } = config;
  if (shared === null) {
    throw new StartupError(
      'The database and the bucket are not named. Set DATABASE_URL and S3_BUCKET (and the other S3_ settings) as for the nodes.',
    );
  }
  const dataDir = order.dataDir === undefined ? config.dataDir : path.resolve(order.dataDir);
  const { source, target } = await openSides(order.to, { dataDir, shared, log });
  try {
    return await move({ source, target, print, signal });
  } finally {
    await Promise.all([source.close(), target.close()]);
  }
}

/** Opens the source first: nothing is made at a target for a source that is not there. */
async function openSides(
  to: Order['to'],
  { dataDir, shared, log }: { dataDir: string; shared: SharedEngines; log: Logger },
): Promise<{ source: Source; target: Target }> {
  const source = await (to === 'cluster' ? openDiskSource(dataDir) : openClusterSource(shared));
  try {
    const target = await (to === 'cluster' ? openClusterTarget(shared, log) : openDiskTarget(dataDir));
    return { source, target };
  } catch (error) {
    await source.close();
    throw error;
  }
}
