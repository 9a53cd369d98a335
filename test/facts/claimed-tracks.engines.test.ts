/** Nodes that share out tracks to analyse, in a real PostgreSQL. */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { createListening, type Listening } from '../../src/database/listening.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createClaimedTracks } from '../../src/facts/cluster/claimed-tracks.ts';
import { openPostgresLibrary, type PostgresLibrary } from '../../src/library/postgres.ts';
import { TO_ANALYSE } from '../../src/tracks/facts.ts';
import { freshDatabase, hasPostgres } from '../support/on-engines.ts';
import { sampleDraft } from '../support/sample-track.ts';

let database: Database;
let listening: Listening;
let library: PostgresLibrary;
beforeAll(async () => {
  if (!hasPostgres) return;
  const { DATABASE_URL: url } = await freshDatabase();
  database = openDatabase(url);
  await migrate(url, database, pino({ level: 'silent' }));
  listening = createListening(url);
  await new Promise<void>((resolve) => listening.onBegin(resolve));
  const ffmpegVersion = async () => '6.1';
  library = openPostgresLibrary({ database, listening, node: randomUUID(), encodes: true, ffmpegVersion });
});
afterAll(async () => {
  await listening?.close();
  await database?.close();
});

it.runIf(hasPostgres)('each track has one node, until that is lost or gives it back', async () => {
  const add = (name: string) =>
    library.add(name, sampleDraft(name, { status: 'ready', analysis: TO_ANALYSE }));
  await add('one.mp3');
  await add('two.mp3');
  const [one, other] = [0, 1].map(() => createClaimedTracks({ database, library, node: randomUUID() }));
  if (!one || !other) throw new Error('no nodes');
  const taken = await Promise.all([one.take(), other.take()]);
  expect(taken.map((track) => track?.filename).sort()).toEqual(['one.mp3', 'two.mp3']);
  expect(await one.take()).toBeUndefined();

  const [first, second] = taken;
  if (!first || !second) throw new Error('nothing taken');
  // A node that could not do it leaves it for a minute.
  await one.giveBack(first, { again: true });
  expect(await other.take()).toBeUndefined();
  await database.query(`update analysing set until = now() where filename = $1`, [first.filename]);
  const again = await other.take();
  expect(again?.filename).toBe(first.filename);

  // What is done, and what was deleted, is taken by nobody.
  await library.update(first.filename, (track) => ({
    ...track,
    analysis: { ...TO_ANALYSE, status: 'done' },
  }));
  await other.giveBack(first, { again: false });
  await library.remove(second.filename, async () => {});
  await other.giveBack(second, { again: false });
  expect(await one.take()).toBeUndefined();
  expect(await database.query('select from analysing')).toEqual([]);
});

it.runIf(hasPostgres)('a track of a node of an older version is not looked for again', async () => {
  await library.add('old.mp3', sampleDraft('old', { status: 'ready' }));
  const node = createClaimedTracks({ database, library, node: randomUUID() });
  const pending = () =>
    database.query(`select from tracks where analysis = 'pending' and filename = 'old.mp3'`);
  expect(await pending()).toHaveLength(1);
  expect(await node.take()).toBeUndefined();
  expect(await pending()).toHaveLength(0);
});
