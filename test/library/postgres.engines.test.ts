/** A library in a real PostgreSQL. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { createListening, type Listening } from '../../src/database/listening.ts';
import { migrate } from '../../src/database/migrate.ts';
import { errors } from '../../src/errors.ts';
import type { Library } from '../../src/library/library.ts';
import { openPostgresLibrary, type PostgresLibrary } from '../../src/library/postgres.ts';
import { editTrack } from '../../src/tracks/edit.ts';
import { editTagOf } from '../../src/tracks/edit-tag.ts';
import type { Track } from '../../src/tracks/track.ts';
import { libraryContract } from '../contracts/library.ts';
import { libraryListsContract } from '../contracts/library-lists.ts';
import { freshDatabase, hasPostgres } from '../support/on-engines.ts';
import { sampleDraft } from '../support/sample-track.ts';

const silent = pino({ level: 'silent' });
/** Edits a title, as a request with If-Match does. */
const editIfMatch = (library: Library, etag: string, title: string) =>
  library.update('song.mp3', (now) => {
    if (editTagOf(now) !== etag) throw errors.preconditionFailed();
    return editTrack(now, { tags: { title } });
  });
const ffmpegVersion = async () => '6.1';

describe.runIf(hasPostgres)('a library in PostgreSQL', () => {
  let url: string;
  const opened: { database: Database; listening: Listening }[] = [];
  beforeAll(async () => {
    url = (await freshDatabase()).DATABASE_URL;
    const database = openDatabase(url);
    await migrate(url, database, silent);
    await database.close();
  });
  const closeAll = async () => {
    for (const { database, listening } of opened.splice(0)) {
      await listening.close();
      await database.close();
    }
  };
  afterAll(closeAll);

  /** As a node opens it, beside the others. */
  const open = async (encodes = true): Promise<PostgresLibrary> => {
    const database = openDatabase(url);
    const listening = createListening(url);
    opened.push({ database, listening });
    await new Promise<void>((resolve) => listening.onBegin(resolve));
    return openPostgresLibrary({ database, listening, node: randomUUID(), encodes, ffmpegVersion });
  };
  const sql = async <T>(text: string, values: unknown[] = []): Promise<T[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query(text, values);
    await client.end();
    return rows as T[];
  };
  /** Begins anew. The server takes a hundred connections, and each library has some. */
  const empty = async () => {
    await closeAll();
    await sql('truncate tracks, work, live, trash, analysing');
  };

  const fresh = async () => {
    await empty();
    return { library: await open(), reopen: () => open() };
  };
  describe('as every library', () => libraryContract(fresh));
  describe('with lists as every library', () => libraryListsContract(fresh));

  it('gives equal bytes that come on three nodes at once one track, and equal names a number each', async () => {
    await empty();
    const nodes = [await open(), await open(), await open(false)];
    const equal = await Promise.all(nodes.map((node) => node.add('song.mp3', sampleDraft('equal'))));
    expect(equal.map(({ created }) => created).sort()).toEqual([false, false, true]);
    expect(new Set(equal.map(({ track }) => track.home)).size).toBe(1);
    const others = await Promise.all(nodes.map((node, n) => node.add('song.mp3', sampleDraft(`other ${n}`))));
    expect(others.map(({ track }) => track.filename).sort()).toEqual([
      'song-2.mp3',
      'song-3.mp3',
      'song-4.mp3',
    ]);
  });

  it('shows what another node has changed at once, and the same object as long as nothing has', async () => {
    await empty();
    const [one, other] = [await open(), await open()];
    await one.add('song.mp3', sampleDraft('song'));
    const before = await other.get('song.mp3');
    expect(other.peek('song.mp3')).toBe(before);
    await one.update('song.mp3', (now) => ({ ...now, status: 'ready' }));
    await vi.waitFor(async () => expect((await other.get('song.mp3'))?.status).toBe('ready'));
    const ready = other.peek('song.mp3');
    expect(await other.refresh('song.mp3')).toBe(ready);
    await one.remove('song.mp3', async () => {});
    await vi.waitFor(async () => expect(await other.get('song.mp3')).toBeUndefined());
    expect(other.peek('song.mp3')).toBeUndefined();
  });

  it('makes one of the edits that two nodes were given for the same state', async () => {
    await empty();
    const nodes = [await open(), await open()];
    const { track } = await (nodes[0] as PostgresLibrary).add('song.mp3', sampleDraft('song'));
    for (const node of nodes) await node.get('song.mp3');
    let etag = editTagOf(track);
    for (let round = 1; round <= 10; round++) {
      const edits = nodes.flatMap((node, n) => [
        editIfMatch(node, etag, `${round} ${n}`),
        editIfMatch(node, etag, `${round} ${n}b`),
      ]);
      const outcomes = await Promise.allSettled(edits);
      const made = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
      const refusals = outcomes.flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason.code] : [],
      );
      expect([made.length, refusals]).toEqual([1, Array(3).fill('precondition_failed')]);
      etag = editTagOf(made[0] as Track);
    }
  });

  it('edits by what is stored, also where another node has just changed it', async () => {
    await empty();
    const [one, other] = [await open(), await open()];
    const { track } = await one.add('song.mp3', sampleDraft('song'));
    await other.get('song.mp3');
    let etag = editTagOf(track);
    for (let n = 0; n < 20; n++) {
      // The second node has not heard of the first one's edit yet.
      etag = editTagOf((await editIfMatch(n % 2 === 0 ? one : other, etag, `title ${n}`)) as Track);
    }
  });

  it('knows what another node has changed without reading it, unless it is too long for a message', async () => {
    await empty();
    const [one, other] = [await open(), await open()];
    const { track } = await one.add('song.mp3', sampleDraft('song'));
    await other.get('song.mp3');
    await one.update('song.mp3', (now) => ({ ...now, status: 'ready' }));
    await vi.waitFor(() => expect(other.peek('song.mp3')?.status).toBe('ready'));
    expect(other.peek('song.mp3')).toEqual({ ...track, status: 'ready' });
    const originalName = 'n'.repeat(9000);
    await one.update('song.mp3', (now) => ({ ...now, originalName }));
    await vi.waitFor(() => expect(other.peek('song.mp3')).toBeUndefined());
    expect((await other.get('song.mp3'))?.originalName).toBe(originalName);
  });

  it('makes an added track work where the node does not encode itself, and says so once', async () => {
    await empty();
    const node = await open(false);
    await node.add('song.mp3', sampleDraft('song'));
    expect(await sql('select node from work')).toEqual([{ node: null }]);
    expect([node.takeGiven('song.mp3'), node.takeGiven('song.mp3')]).toEqual(['offered', undefined]);
  });

  it('lets an owner write only while its lease lasts', async () => {
    await empty();
    const library = await open();
    const { track } = await library.add('song.mp3', sampleDraft('song'));
    const [lease] = await sql<{ node: string; epoch: string }>('select node, epoch from work');
    const fence = lease as { node: string; epoch: string };
    const owner = library.fencedBy(() => fence);
    const touch = () => owner.update('song.mp3', (now) => ({ ...now, samples: now.samples + 1 }));
    expect((await touch())?.samples).toBe(track.samples + 1);
    for (const taken of [
      `update work set until = now() - interval '1 s'`,
      `update work set until = now() + interval '6 s', epoch = epoch + 1`,
      'delete from work',
    ]) {
      await sql(taken);
      await expect(touch()).rejects.toMatchObject({ code: 'storage_unavailable' });
    }
    expect((await library.get('song.mp3'))?.samples).toBe(track.samples + 1);
  });

  it('leaves a damaged record alone, and its name, its original and its home taken', async () => {
    await empty();
    const library = await open();
    const { track } = await library.add('song.mp3', sampleDraft('song', { upload: 'a.upload' }));
    await sql(`update tracks set record = '{"version": 1}', version = nextval('track_versions')`);
    const next = await open();
    expect(await next.get('song.mp3')).toBeUndefined();
    expect((await next.page({})).tracks).toEqual([]);
    expect(await next.damaged()).toEqual(['song.mp3']);
    expect(await next.unownedUploads(['a.upload'])).toEqual([]);
    expect(await next.unownedHomes([track.home])).toEqual([]);
    const again = await next.add('song.mp3', sampleDraft('song'));
    expect([again.track.filename, again.created]).toEqual(['song-2.mp3', true]);
  });

  it('adds no second track of bytes that a newer version has', async () => {
    await empty();
    await (await open()).add('song.mp3', sampleDraft('song'));
    await sql(`update tracks set record = '{"version": 99}', version = nextval('track_versions')`);
    const older = await open();
    await expect(older.add('song.mp3', sampleDraft('song'))).rejects.toMatchObject({
      code: 'storage_unavailable',
    });
    expect(await sql('select sha256 from tracks where sha256 is null')).toEqual([]);
  });

  it('keeps names that are hard for a database', async () => {
    await empty();
    const library = await open();
    const originalName = 'nul\0, half \ud83d and "quotes" \\ \u2028';
    const { track } = await library.add(
      'song.mp3',
      sampleDraft('song', { originalName, upload: 'nul.upload' }),
    );
    expect((await (await open()).get('song.mp3'))?.originalName).toBe(originalName);
    expect((await library.page({ query: 'HALF' })).tracks).toEqual([track]);
    expect((await library.page({ query: '%' })).tracks).toEqual([]);
    expect((await library.page({ query: 'nul\0' })).tracks).toEqual([track]);
    expect(await library.unusedCopies(['nul.upload'])).toEqual(['nul.upload']);
    await library.update('song.mp3', (now) => ({ ...now, hasSeekableCopy: true }));
    expect(await library.unusedCopies(['nul.upload'])).toEqual([]);
  });

  it('keeps the original of a ready track for an hour, unless a track names it again', async () => {
    await empty();
    const library = await open();
    await library.trash('a.upload');
    await library.trash('b.upload');
    expect(await library.unownedUploads(['a.upload', 'c.upload'])).toEqual(['c.upload']);
    const removed: string[] = [];
    const remove = async (upload: string) => void removed.push(upload);
    await library.emptyTrash(remove);
    expect(removed).toEqual([]);
    await sql(`update trash set not_before = now() - interval '1 s'`);
    await library.add('song.mp3', sampleDraft('song', { upload: 'b.upload' }));
    await library.emptyTrash(remove);
    expect(removed).toEqual(['a.upload']);
    expect(await sql('select from trash')).toEqual([]);
  });

  it('finds and sorts what an older version has written', async () => {
    await empty();
    const library = await open();
    await library.add('b.mp3', sampleDraft('b', { tags: { title: 'Ärger' } }));
    await library.add('a.mp3', sampleDraft('a'));
    await library.add('damaged.mp3', sampleDraft('damaged'));
    // Added by it; changed by it.
    await sql(`update tracks set search = filename, title_key = null, artist_key = null, album_key = null, seconds = null
      where filename <> 'b.mp3'`);
    await sql(`update tracks set search = filename || E'\\x01' || filename where filename = 'b.mp3'`);
    await sql(`update tracks set record = '{"version": 1}' where filename = 'damaged.mp3'`);
    const nodes = await Promise.all([open(), open(), open()]);
    const asked = nodes.map(async (node) => [
      ...(await node.page({ query: 'arger' })).tracks,
      ...(await node.page({ sort: 'title' })).tracks,
    ]);
    for (const tracks of await Promise.all(asked)) {
      expect(tracks.map(({ filename }) => filename)).toEqual(['b.mp3', 'a.mp3', 'b.mp3']);
    }
    expect(await sql('select from tracks where title_key is null or seconds is null')).toEqual([]);
  });

  it('takes tracks from a node of the version before', async () => {
    await empty();
    await sql(
      `select add_track('{song.mp3}', '{song.mp3}', '{song.mp3}', 'aa', null, 'ready', '{"version":1}', $1, false, null, '')`,
      [randomUUID()],
    );
    expect(await sql('select filename, title_key from tracks')).toEqual([
      { filename: 'song.mp3', title_key: null },
    ]);
  });

  it('reads no table as a whole for a page of a large library', async () => {
    await empty();
    const library = await open();
    await library.add('song.mp3', sampleDraft('song'));
    await sql(`insert into tracks (filename, name_key, status, uploaded_at, search, title_key, artist_key, album_key, seconds, record)
      select n || '.mp3', n || '.mp3', 'ready', now() - n * interval '1 s', 'title ' || n || ' artist ' || n % 500, 'title ' || n,
        'artist ' || n % 500, 'album ' || n % 5000, n, record from tracks, generate_series(1, 20000) n`);
    await sql('analyze tracks');
    const place = `'title 5', now(), 'a'`;
    for (const [where, order] of [
      ['true', 'uploaded_at desc, filename desc'],
      ['true', 'title_key, uploaded_at, filename'],
      [`(title_key, uploaded_at, filename) > (${place})`, 'title_key, uploaded_at, filename'],
      [`(artist_key, uploaded_at, filename) > (${place})`, 'artist_key, uploaded_at, filename'],
      ['(seconds, uploaded_at, filename) > (5, now(), $$a$$)', 'seconds, uploaded_at, filename'],
      [`artist_key = 'artist 7'`, 'uploaded_at desc, filename desc'],
      [`album_key = 'album 7'`, 'title_key, uploaded_at, filename'],
      [`status = 'failed'`, 'uploaded_at desc, filename desc'],
      [`search like '%title 777%'`, 'uploaded_at desc, filename desc'],
    ]) {
      const plan = await sql<Record<string, string>>(
        `explain select * from tracks where removed_at is null and ${where} order by ${order} limit 51`,
      );
      const text = plan.map((row) => row['QUERY PLAN']).join('\n');
      expect(text, `${where}, ${order}`).not.toContain('Seq Scan');
    }
  });

  it('puts the original into the trash in the statement by which its track no longer names it', async () => {
    await empty();
    const library = await open();
    await library.add('song.mp3', sampleDraft('song', { upload: 'a.upload' }));
    await library.update('song.mp3', (now) => ({ ...now, upload: null }));
    expect(await sql('select upload from trash')).toEqual([{ upload: 'a.upload' }]);
    // Its owner has nothing left to do.
    await sql('truncate trash');
    await library.trash('a.upload');
    expect(await sql('select upload from trash')).toEqual([]);
  });

  it('knows albums as they were read last while the database is away', async () => {
    await empty();
    const library = await open();
    const { track } = await library.add(
      'song.mp3',
      sampleDraft('song', {
        tags: { artist: 'Björk', album: 'Homogenic' },
        analysis: {
          status: 'done',
          from: 'original',
          loudness: { integratedLufs: -12, truePeakDbtp: -1, rangeLu: 3 },
        },
      }),
    );
    await library.update('song.mp3', (now) => ({ ...now, status: 'ready' }));
    await library.readAlbums([track]);
    expect(library.albumOf(track)?.integratedLufs).toBeCloseTo(-12);
    await closeAll();
    await library.readAlbums([track]);
    expect(library.albumOf(track)?.integratedLufs).toBeCloseTo(-12);
  });

  it('ends a removal that was left half-done', async () => {
    await empty();
    const library = await open();
    const { track } = await library.add('song.mp3', sampleDraft('song', { upload: 'a.upload' }));
    const failing = library.remove('song.mp3', () => Promise.reject(new Error('no bucket')));
    await expect(failing).rejects.toThrow('no bucket');
    expect(await library.get('song.mp3')).toBeUndefined();
    const removed: unknown[] = [];
    await library.finishRemovals(async (stored) => void removed.push(stored));
    expect(removed).toEqual([]);
    await sql(`update tracks set removed_at = now() - interval '3 minutes'`);
    await library.finishRemovals(async (stored) => void removed.push(stored));
    expect(removed).toEqual([{ home: track.home, upload: 'a.upload', uploadId: null }]);
    expect((await library.add('song.mp3', sampleDraft('other'))).track.filename).toBe('song.mp3');
  });
});
