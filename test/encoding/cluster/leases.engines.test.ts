/** The leases of nodes, in a real PostgreSQL: `docs/scaling.md` says what they promise. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Database, openDatabase } from '../../../src/database/database.ts';
import { migrate } from '../../../src/database/migrate.ts';
import { createLeases, type Lease, type Leases } from '../../../src/encoding/cluster/leases.ts';
import { cancelWork, lookForWork, offerWork } from '../../../src/encoding/cluster/work.ts';
import { freshDatabase, hasPostgres } from '../../support/on-engines.ts';

/** All that are free. */
const ANY = { aside: true, most: 9 };

describe.runIf(hasPostgres)('a lease', () => {
  let url: string;
  let database: Database;
  let one: Leases;
  let other: Leases;
  const listening = { state: 'listening', forMs: 60_000, gapMs: 0 };

  const sql = async <T extends pg.QueryResultRow>(text: string, values: unknown[] = []) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query<T>(text, values);
    await client.end();
    return rows;
  };
  const node = (ffmpeg = '6.1', heard = listening) =>
    createLeases({
      database,
      listening: heard as never,
      node: randomUUID(),
      ffmpegVersion: async () => ffmpeg,
    });
  const addTrack = async (filename: string, status = 'processing') => {
    await sql(
      `insert into tracks (filename, name_key, status, uploaded_at, search, record) values ($1, $1, $2, now(), '', '{}')`,
      [filename, status],
    );
    return filename;
  };
  /** As time passes, and as a database that did not restart just now. */
  const expire = () => sql(`update work set until = now() - interval '1 ms' where node is not null`);
  const look = () => lookForWork(database, { follows: false });
  const names = (leases: readonly Lease[]) => leases.map(({ filename }) => filename).sort();

  beforeAll(async () => {
    url = (await freshDatabase()).DATABASE_URL;
    database = openDatabase(url);
    await migrate(url, database, pino({ level: 'silent' }));
    // The engine of this run was started a moment ago; its leases move only 8 s after that.
    await sql('select pg_sleep(greatest(0, 8.1 - extract(epoch from now() - pg_postmaster_start_time())))');
  });
  beforeEach(async () => {
    await sql('truncate tracks, work, live, analysing');
    [one, other] = [node(), node()];
  });
  afterAll(() => database.close());

  it('goes to one node', async () => {
    for (const name of ['a', 'b', 'c'])
      await offerWork(database, { filename: await addTrack(name), holder: 'x' });
    const taken = await Promise.all([one, other, node()].map((each) => each.claimFree(ANY)));
    expect(names(taken.flat())).toEqual(['a', 'b', 'c']);
    expect(await one.claim('a', '')).toEqual(one.of('a'));
    expect([...one.all(), ...other.all()].every(({ holder }) => holder === 'x' || holder === '')).toBe(true);
  });

  it('goes to the next node once it has run out, with the next epoch, and the one before finds out', async () => {
    const first = (await one.claim(await addTrack('a'), 'x')) as Lease;
    expect(await other.claimFree(ANY)).toEqual([]);
    expect(await other.claim('a', '')).toBeUndefined();
    expect(one.isValid('a')).toBe(true);
    await expire();
    const [second] = await other.claimFree(ANY);
    expect(Number(second?.epoch)).toBeGreaterThan(Number(first.epoch));
    expect(second?.attempts).toBe(1);
    expect(await one.renew([])).toEqual({ found: [], lost: [first], cancelled: [] });
    // What the one before ends is not the lease of its successor.
    await one.settle(first);
    expect((await other.renew([])).lost).toEqual([]);
  });

  it('is kept by a node that renews it late, as long as no other has it', async () => {
    const lease = await one.claim(await addTrack('a'), '');
    await expire();
    expect(await one.renew([])).toEqual({ found: [], lost: [], cancelled: [] });
    expect(one.of('a')).toBe(lease);
    expect(await other.claimFree(ANY)).toEqual([]);
  });

  it('goes to the next node although the clock of the database has jumped back', async () => {
    await one.claim(await addTrack('a'), '');
    await sql(`update work set until = now() + interval '1 hour'`);
    expect(names(await other.claimFree(ANY))).toEqual(['a']);
  });

  it('does not move while the others may have had the same gap', async () => {
    await one.claim(await addTrack('a'), '');
    await expire();
    const returned = node('6.1', { ...listening, forMs: 1000 });
    expect(await returned.claimFree(ANY)).toEqual([]);
    expect(names(await other.claimFree(ANY))).toEqual(['a']);
  });

  it('is free at once when it is handed over, and costs no attempt', async () => {
    const lease = (await one.claim(await addTrack('a'), '')) as Lease;
    await one.handOver([lease], { aside: false });
    expect(one.of('a')).toBeUndefined();
    expect((await other.claimFree({ ...ANY, aside: false })).map(({ attempts }) => attempts)).toEqual([0]);
    await other.handOverAll();
    expect(names(await one.claimFree({ ...ANY, aside: false }))).toEqual(['a']);
  });

  it('is renewed together with the news of its track, which all nodes hear', async () => {
    const listener = new pg.Client({ connectionString: url });
    await listener.connect();
    await listener.query('listen have');
    const heard: string[] = [];
    listener.on('notification', ({ payload = '' }) => heard.push(JSON.parse(payload).filename));
    const news = async (filename: string) => {
      const { epoch } = (await one.claim(await addTrack(filename), '')) as Lease;
      const progress = { progress: 0.5, storedBytes: 1, isPlayable: true, encoded: [] };
      return { filename, epoch, progress, node: 'one' };
    };
    const lost = await news('a');
    await expire();
    await other.claimFree(ANY);
    const mine = await news('c');
    await one.renew([], [lost, mine]);
    await listener.query('select');
    expect(heard).toEqual(['c']);
    expect(await sql('select filename, state from live')).toEqual([{ filename: 'c', state: mine.progress }]);
    await listener.end();
  });

  it('asks all owners for their progress where clients of a node follow tracks', async () => {
    const listener = new pg.Client({ connectionString: url });
    await listener.connect();
    await listener.query('listen want');
    const heard: string[] = [];
    listener.on('notification', ({ payload = '' }) => heard.push(payload));
    await lookForWork(database, { follows: true });
    await one.claim(await addTrack('a'), '');
    await look();
    await listener.query('select');
    expect(heard).toEqual([]);
    await lookForWork(database, { follows: true });
    await listener.query('select');
    expect(heard).toEqual(['{"ask":"progress"}']);
    await listener.end();
  });

  it('that is set aside goes to a node that has little to do', async () => {
    const lease = (await one.claim(await addTrack('a'), '')) as Lease;
    await one.handOver([lease], { aside: true });
    expect(await other.claimFree({ ...ANY, aside: false })).toEqual([]);
    expect(names(await other.claimFree(ANY))).toEqual(['a']);
  });

  it('goes to a node that takes few: the oldest first, and last those that were set aside', async () => {
    const aside = (await one.claim(await addTrack('a'), '')) as Lease;
    await one.handOver([aside], { aside: true });
    for (const filename of ['b', 'c'])
      await offerWork(database, { filename: await addTrack(filename), holder: '' });
    expect(names(await other.claimFree({ aside: true, most: 1 }))).toEqual(['b']);
    expect(names(await other.claimFree({ aside: true, most: 2 }))).toEqual(['a', 'c']);
  });

  it('counts the owners that were lost without a new segment', async () => {
    await one.claim(await addTrack('a'), '');
    for (const [owner, attempts] of [
      [other, 1],
      [node(), 2],
    ] as const) {
      await expire();
      expect((await owner.claimFree(ANY))[0]?.attempts).toBe(attempts);
    }
    await expire();
    const [last] = await one.claimFree(ANY);
    expect(last?.attempts).toBe(3);
    await one.renew(['a']);
    await expire();
    expect((await other.claimFree(ANY))[0]?.attempts).toBe(1);
  });

  it('waits for a node with the ffmpeg that has begun the track, and not for ever', async () => {
    await one.claim(await addTrack('a'), '');
    await expire();
    const newer = node('7.0');
    expect(await newer.claimFree(ANY)).toEqual([]);
    await sql(`update work set until = now() - interval '16 s'`);
    expect(names(await newer.claimFree(ANY))).toEqual(['a']);
  });

  it('whose answer was lost is found', async () => {
    const lease = (await one.claim(await addTrack('a'), '')) as Lease;
    one.forget(lease);
    expect((await one.renew([])).found).toEqual([]);
    await sql(`update work set added_at = now() - interval '4 s'`);
    expect((await one.renew([])).found).toEqual([lease]);
  });

  it('ends with the track, and a track that is processed again is free', async () => {
    await addTrack('a', 'ready');
    await one.settle((await one.claim('a', '')) as Lease);
    expect(await look()).toEqual({ waiting: 0, free: 0 });
    await addTrack('b');
    await one.settle((await one.claim('b', '')) as Lease);
    expect(await look()).toEqual({ waiting: 1, free: 1 });
    await sql('delete from tracks');
    expect(await look()).toEqual({ waiting: 0, free: 0 });
  });

  it('on a track that is deleted is nobody’s next', async () => {
    const lease = (await one.claim(await addTrack('a'), '')) as Lease;
    expect(await cancelWork(database, 'a')).toBe(true);
    expect((await one.renew([])).cancelled).toEqual([lease]);
    await expire();
    expect(await other.claimFree(ANY)).toEqual([]);
    expect(await cancelWork(database, 'a')).toBe(false);
    expect(await look()).toEqual({ waiting: 0, free: 0 });
  });

  it('on a track whose deletion was given up, with its owner lost, is free again after a while', async () => {
    await one.claim(await addTrack('a'), '');
    await sql(`update tracks set changed_at = now() - interval '6 s'`);
    expect(await cancelWork(database, 'a')).toBe(true);
    await expire();
    await look();
    expect(await look()).toEqual({ waiting: 1, free: 0 });
    await sql(`update work set until = now() - interval '6 s'`);
    await look();
    // It was work until then.
    await look();
    expect(names(await other.claimFree(ANY))).toEqual(['a']);
  });

  it('that is settled while its track is being removed is not offered again', async () => {
    const lease = (await one.claim(await addTrack('a'), '')) as Lease;
    await sql('update tracks set removed_at = now()');
    await one.settle(lease);
    expect(await look()).toEqual({ waiting: 0, free: 0 });
  });

  it('leaves no progress to the next track of that name when its owner was lost', async () => {
    const lease = (await one.claim(await addTrack('a'), '')) as Lease;
    await sql(`insert into live values ('a', $1, '{"isPlayable": true}')`, [lease.epoch]);
    await expire();
    expect(await cancelWork(database, 'a')).toBe(false);
    expect(await sql('select from live')).toEqual([]);
  });

  it('is there for a track that a crash has kept from being work, after a while', async () => {
    await addTrack('a');
    await addTrack('b', 'ready');
    await look();
    expect(await look()).toEqual({ waiting: 0, free: 0 });
    await sql(`update tracks set changed_at = now() - interval '6 s'`);
    await look();
    expect(await look()).toEqual({ waiting: 1, free: 1 });
  });
});
