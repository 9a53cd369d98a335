/** A library in a real PostgreSQL. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Database, openDatabase } from '../../src/database/database.ts';
import { createListening, type Listening } from '../../src/database/listening.ts';
import { migrate } from '../../src/database/migrate.ts';
import { openPostgresLibrary, type PostgresLibrary } from '../../src/library/postgres.ts';
import { libraryContract } from '../contracts/library.ts';
import { libraryListsContract } from '../contracts/library-lists.ts';
import { freshDatabase, hasPostgres } from '../support/on-engines.ts';
import { sampleDraft } from '../support/sample-track.ts';

const silent = pino({ level: 'silent' });
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
    await sql('truncate tracks, work, live, trash');
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
