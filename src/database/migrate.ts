/** Brings the schema of the database up to date. Each migration has its reverse: see docs/scaling.md. */
import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import type { Logger } from 'pino';
import { StartupError } from '../errors.ts';
import { connectionOptions, type Database } from './database.ts';

const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url));
const TABLE = 'pgmigrations';
/** Its name in lists of locks: "audio" in ASCII, cut to what PostgreSQL takes. */
const LOCK = 0x61756469;

/**
 * Runs the migrations that the database lacks. Of nodes that start at once, one runs them and the others wait.
 *
 * @throws {StartupError} when the database cannot be used, or a newer version of the server has changed its schema.
 */
export async function migrate(url: string, database: Database, log: Logger): Promise<void> {
  try {
    await runner({
      databaseUrl: { ...connectionOptions(url), statement_timeout: 0, query_timeout: 0 },
      dir: FOLDER,
      migrationsTable: TABLE,
      direction: 'up',
      lockValue: LOCK,
      advisoryLockMode: 'wait',
      logger: {
        info: (text) => log.debug(text),
        warn: (text) => log.warn(text),
        error: (text) => log.error(text),
      },
    });
  } catch (error) {
    throw unusable(url, error);
  }
  await assertNotNewer(database);
}

/**
 * Changes nothing in the database.
 *
 * @throws {StartupError} when the database cannot be used, or its schema is not that of this version.
 */
export async function assertCurrent(url: string, database: Database): Promise<void> {
  const run = new Set(
    await migrationsRun(database).catch((error: Error) => {
      throw unusable(url, error.cause ?? error);
    }),
  );
  if ((await knownMigrations()).every((name) => run.has(name))) return assertNotNewer(database);
  throw new StartupError(
    run.size === 0
      ? `The database at ${placeOf(url)} (DATABASE_URL) holds no library.`
      : `The database at ${placeOf(url)} (DATABASE_URL) was made by an older version of this server. Start a node of this version first, or use the older one.`,
  );
}

function unusable(url: string, error: unknown): StartupError {
  const reason = reasonOf(error);
  // "permission denied to create extension", "extension is not available", "could not open extension control file"
  if (/\bextension\b/.test(reason)) {
    return new StartupError(
      `The database at ${placeOf(url)} (DATABASE_URL) lacks the extension pg_trgm: ${reason}. Run "create extension pg_trgm" in it as a superuser; the package of PostgreSQL's own extensions (postgresql-contrib) has it. See docs/scaling.md.`,
    );
  }
  return new StartupError(
    `The database at ${placeOf(url)} (DATABASE_URL) cannot be used: ${reason}. Start PostgreSQL, or correct DATABASE_URL.`,
  );
}

async function knownMigrations(): Promise<string[]> {
  return (await readdir(FOLDER)).map((file) => file.replace(/\.sql$/, ''));
}

async function migrationsRun({ query }: Database): Promise<string[]> {
  const [table] = await query<{ is_there: boolean }>('select to_regclass($1) is not null as is_there', [
    TABLE,
  ]);
  if (!table?.is_there) return [];
  const run = await query<{ name: string }>(`select name from ${TABLE} order by run_on`);
  return run.map(({ name }) => name);
}

async function assertNotNewer(database: Database): Promise<void> {
  const known = new Set(await knownMigrations());
  const unknown = (await migrationsRun(database)).find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw new StartupError(
    `The database was made by a newer version of this server: it has the migration ${unknown}. Start that version. To go back, see "Going back" in docs/scaling.md.`,
  );
}

/** Returns host and name of a database, without user and password. */
function placeOf(url: string): string {
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}

/** Node joins the failures of all addresses of a host, with an empty message. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
