/** The schema of a real PostgreSQL, brought forwards and back. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, describe, expect, it } from 'vitest';
import { openDatabase } from '../../src/database/database.ts';
import { migrate } from '../../src/database/migrate.ts';
import { freshDatabase, hasPostgres } from '../support/on-engines.ts';
import { projectFolder } from '../support/process.ts';

const silent = pino({ level: 'silent' });

describe.runIf(hasPostgres)('the schema', () => {
  const closers: (() => Promise<void>)[] = [];
  afterAll(async () => {
    for (const close of closers) await close();
  });
  const bringUpToDate = async (url: string) => {
    const database = openDatabase(url);
    closers.push(database.close);
    await migrate(url, database, silent);
  };
  const sql = async <T>(url: string, text: string): Promise<T[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(text).finally(() => client.end());
    return rows as T[];
  };

  it('goes back to the version before searches, with its tracks, and forwards again', async () => {
    const { DATABASE_URL: url } = await freshDatabase();
    await bringUpToDate(url);
    const add = (name: string, more = '') =>
      sql(
        url,
        `select add_track('{${name}}', '{${name}}', '{${name}}', '${name}', null, 'ready', '{"version":1}', '${randomUUID()}', false, null, ''${more})`,
      );
    await add('first', `, '{first}', 'artist', 'album', 1`);
    await runner({
      databaseUrl: url,
      dir: path.join(projectFolder, 'src/database/migrations'),
      migrationsTable: 'pgmigrations',
      direction: 'down',
      // The analysis came after them.
      count: 2,
      log: () => {},
    });
    await add('second');
    await bringUpToDate(url);
    expect(await sql(url, 'select filename, title_key from tracks order by filename')).toEqual([
      { filename: 'first', title_key: null },
      { filename: 'second', title_key: null },
    ]);
  });

  it('cannot be made by a user who must not create its extension: the error says what to run', async () => {
    const { DATABASE_URL: url } = await freshDatabase();
    const user = `user_${randomUUID().replaceAll('-', '')}`;
    await sql(url, `create role ${user} login; grant create on schema public to ${user}`);
    const theirs = new URL(url);
    theirs.username = user;
    await expect(bringUpToDate(theirs.href)).rejects.toThrow(
      'Run "create extension pg_trgm" in it as a superuser',
    );
    await sql(url, 'create extension pg_trgm');
    await bringUpToDate(theirs.href);
    await sql(url, `drop owned by ${user}; drop role ${user}`);
  });
});
