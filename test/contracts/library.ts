/** The guarantees of `src/library/library.ts`, for every library. */
import { beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '../../src/errors.ts';
import type { Library, PageRequest } from '../../src/library/library.ts';
import { type Analysis, type Tags, TO_ANALYSE } from '../../src/tracks/facts.ts';
import type { Track } from '../../src/tracks/track.ts';
import { sampleDraft } from '../support/sample-track.ts';

export interface LibraryUnderTest {
  library: Library;
  /** Opens another one on the same tracks, as the next start of the server does. */
  reopen(): Promise<Library>;
}

export function libraryContract(open: () => Promise<LibraryUnderTest>): void {
  let library: Library;
  let reopen: () => Promise<Library>;
  let contents = 0;
  beforeEach(async () => {
    ({ library, reopen } = await open());
  });

  /** Adds a track of its own content. */
  const add = async (name: string, changes = {}, content = `${name} ${++contents}`) =>
    (await library.add(name, sampleDraft(content, changes))).track;
  const addAll = async (...names: string[]) => {
    for (const name of names) await add(name);
  };
  const remove = (name: string) => library.remove(name, async () => {});
  const namesOn = async (request: PageRequest = {}) =>
    (await library.page(request)).tracks.map(({ filename }) => filename);

  describe('a track that was added', () => {
    it('is found by its name, as it was given, with its time', async () => {
      const draft = sampleDraft('audio');
      const before = new Date().toISOString();
      const { track, created } = await library.add('audio.mp3', draft);
      const { uploadedAt, home } = track;
      expect(track).toEqual({ ...draft, filename: 'audio.mp3', uploadedAt, home });
      expect(created).toBe(true);
      expect(track.uploadedAt >= before).toBe(true);
      expect(await library.get('audio.mp3')).toEqual(track);
    });

    it('is found by its hash', async () => {
      const track = await add('audio.mp3');
      expect(await library.findBySha256(track.source.sha256)).toEqual(track);
    });

    it('is not found by any other name or hash', async () => {
      await add('audio.mp3');
      expect(await library.get('audio.wav')).toBeUndefined();
      expect(await library.findBySha256('0'.repeat(64))).toBeUndefined();
    });

    it('is durable', async () => {
      const track = await add('Grüße-हिन्दी.mp3');
      const next = await reopen();
      expect(await next.get('Grüße-हिन्दी.mp3')).toEqual(track);
      expect(await next.findBySha256(track.source.sha256)).toEqual(track);
    });
  });

  describe('a name that is taken', () => {
    it('is numbered', async () => {
      const names = [await add('audio.mp3'), await add('audio.mp3'), await add('audio.mp3')];
      expect(names.map(({ filename }) => filename)).toEqual(['audio.mp3', 'audio-2.mp3', 'audio-3.mp3']);
    });

    it('is taken in any case', async () => {
      await addAll('audio.mp3', 'Ärger.mp3');
      expect((await add('AUDIO.Mp3')).filename).toBe('AUDIO-2.Mp3');
      expect((await add('ÄRGER.mp3')).filename).toBe('ÄRGER-2.mp3');
      expect(await library.get('AUDIO.Mp3')).toBeUndefined();
    });

    it('passes over numbers that are taken themselves', async () => {
      await addAll('audio.mp3', 'Audio-2.mp3');
      expect((await add('audio.mp3')).filename).toBe('audio-3.mp3');
    });

    it('goes to one only of many that come at once', async () => {
      const names = ['audio.mp3', 'AUDIO.mp3', 'audio.mp3', 'Audio.mp3', 'audio.mp3'];
      const tracks = await Promise.all(names.map((name) => add(name)));
      const given = tracks.map(({ filename }) => filename.toLowerCase()).sort();
      expect(given).toEqual(['audio-2.mp3', 'audio-3.mp3', 'audio-4.mp3', 'audio-5.mp3', 'audio.mp3']);
      for (const track of tracks) expect(await library.get(track.filename)).toEqual(track);
    });

    it('stays taken after a restart', async () => {
      await add('audio.mp3');
      const next = await reopen();
      expect((await next.add('AUDIO.mp3', sampleDraft('other'))).track.filename).toBe('AUDIO-2.mp3');
    });

    it('is numbered within 200 bytes', async () => {
      const long = `${'a'.repeat(196)}.mp3`;
      await add(long);
      expect((await add(long)).filename).toBe(`${'a'.repeat(194)}-2.mp3`);
    });
  });

  describe('a page', () => {
    it('has the newest tracks first, all of them where no limit is set', async () => {
      await addAll('b.mp3', 'c.mp3', 'a.mp3');
      expect(await namesOn()).toEqual(['a.mp3', 'c.mp3', 'b.mp3']);
      expect((await library.page({})).nextCursor).toBeUndefined();
    });

    it('has each of those that came at once at a time of its own', async () => {
      const tracks = await Promise.all(['a', 'b', 'c', 'd'].map((name) => add(name)));
      expect(new Set(tracks.map(({ uploadedAt }) => uploadedAt)).size).toBe(4);
      const inOrder = tracks.toSorted((one, other) => (one.uploadedAt < other.uploadedAt ? 1 : -1));
      expect((await library.page({})).tracks).toEqual(inOrder);
    });

    it.each([
      [1, [['e'], ['d'], ['c'], ['b'], ['a']]],
      [2, [['e', 'd'], ['c', 'b'], ['a']]],
      [5, [['e', 'd', 'c', 'b', 'a']]],
      [6, [['e', 'd', 'c', 'b', 'a']]],
    ])('of %i leads to the next one until the last', async (limit, expected) => {
      await addAll('a', 'b', 'c', 'd', 'e');
      const pages: string[][] = [];
      let cursor: string | undefined;
      do {
        const page = await library.page({ limit, cursor });
        pages.push(page.tracks.map(({ filename }) => filename));
        cursor = page.nextCursor;
      } while (cursor !== undefined && pages.length < 10);
      expect(pages).toEqual(expected);
    });

    it('is empty and the last one where there are no tracks', async () => {
      expect(await library.page({ limit: 10 })).toEqual({ tracks: [], nextCursor: undefined });
    });

    it('goes on where the last one ended, whatever came and went since', async () => {
      await addAll('a', 'b', 'c', 'd', 'e', 'f');
      const { tracks, nextCursor } = await library.page({ limit: 2 });
      expect(tracks.map(({ filename }) => filename)).toEqual(['f', 'e']);
      await add('g');
      // The last one of the page, one before it, and one that is still to come.
      for (const name of ['e', 'f', 'c']) await remove(name);
      expect(await namesOn({ limit: 2, cursor: nextCursor })).toEqual(['d', 'b']);
    });

    it('has the oldest tracks first where that is wanted, and goes on likewise', async () => {
      await addAll('a', 'b', 'c', 'd', 'e');
      const { tracks, nextCursor } = await library.page({ limit: 2, oldestFirst: true });
      expect(tracks.map(({ filename }) => filename)).toEqual(['a', 'b']);
      await add('f');
      for (const name of ['b', 'd']) await remove(name);
      expect(await namesOn({ cursor: nextCursor, oldestFirst: true })).toEqual(['c', 'e', 'f']);
      expect(await namesOn({ cursor: nextCursor })).toEqual(['a']);
    });

    it('goes on after a restart', async () => {
      await addAll('a', 'b', 'c');
      const { nextCursor } = await library.page({ limit: 1 });
      const { tracks } = await (await reopen()).page({ cursor: nextCursor });
      expect(tracks.map(({ filename }) => filename)).toEqual(['b', 'a']);
    });

    it('has tracks that came after a restart first', async () => {
      await addAll('a', 'b');
      library = await reopen();
      await add('c');
      expect(await namesOn()).toEqual(['c', 'b', 'a']);
    });

    it.each([
      ['', ['4', 'Über-2.mp3', 'über.mp3', 'Song.mp3']],
      ['song', ['Song.mp3']],
      ['SON', ['Song.mp3']],
      ['ÜBER', ['Über-2.mp3', 'über.mp3']],
      ['u\u0308ber', ['Über-2.mp3', 'über.mp3']],
      ['my tune', ['4']],
      ['.mp3', ['Über-2.mp3', 'über.mp3', 'Song.mp3']],
      ['nothing', []],
    ])('for "%s" has what has it in its name', async (query, expected) => {
      await add('Song.mp3', { originalName: 'Song.mp3' });
      await add('über.mp3', { originalName: 'u\u0308ber.mp3' });
      await add('Über.mp3', { originalName: 'Über.mp3' });
      await add('4', { originalName: 'My Tune' });
      expect(await namesOn({ query })).toEqual(expected);
    });

    it('counts only what was asked for', async () => {
      await addAll('song-1', 'other-1', 'song-2', 'other-2', 'song-3', 'other-3');
      const { tracks, nextCursor } = await library.page({ limit: 2, query: 'song' });
      expect(tracks.map(({ filename }) => filename)).toEqual(['song-3', 'song-2']);
      const last = await library.page({ limit: 2, query: 'song', cursor: nextCursor });
      expect(last.tracks.map(({ filename }) => filename)).toEqual(['song-1']);
      expect(last.nextCursor).toBeUndefined();
    });

    it.each(['', 'nonsense', '2025-03-14T09:26:53.589Z', base64('yesterday'), base64('2025-03-14'), '../..'])(
      'is refused at the cursor "%s"',
      async (cursor) => {
        const refused = library.page({ cursor });
        await expect(refused).rejects.toBeInstanceOf(AppError);
        await expect(refused).rejects.toMatchObject({ status: 400, code: 'invalid_query' });
      },
    );
  });

  describe('a change', () => {
    it('is seen by all who ask, and durable', async () => {
      const track = await add('audio.mp3');
      const changed = await library.update('audio.mp3', (now) => ({ ...now, status: 'ready' }));
      expect(changed).toEqual({ ...track, status: 'ready' });
      expect(await library.get('audio.mp3')).toEqual(changed);
      expect(await library.findBySha256(track.source.sha256)).toEqual(changed);
      expect((await library.page({})).tracks).toEqual([changed]);
      expect(await (await reopen()).get('audio.mp3')).toEqual(changed);
    });

    it('comes after those before it', async () => {
      await add('audio.mp3', { storedBytes: 0 });
      const changes = Array.from({ length: 20 }, () =>
        library.update('audio.mp3', (now) => ({ ...now, storedBytes: now.storedBytes + 1 })),
      );
      const bytes = (await Promise.all(changes)).map((track) => track?.storedBytes);
      expect(bytes).toEqual(Array.from({ length: 20 }, (_, n) => n + 1));
      expect((await (await reopen()).get('audio.mp3'))?.storedBytes).toBe(20);
    });

    it('leaves other tracks as they are', async () => {
      await add('audio.mp3');
      const other = await add('other.mp3');
      await library.update('audio.mp3', (now) => ({ ...now, status: 'ready' }));
      expect(await library.get('other.mp3')).toEqual(other);
    });

    it('of a track that is gone does not happen', async () => {
      await add('audio.mp3');
      const removed = remove('audio.mp3');
      let asked = false;
      const changed = library.update('audio.mp3', (now) => {
        asked = true;
        return now;
      });
      await removed;
      expect(await changed).toBeUndefined();
      expect(await library.update('never.mp3', (now) => now)).toBeUndefined();
      expect(asked).toBe(false);
      expect(await (await reopen()).get('audio.mp3')).toBeUndefined();
    });

    it('that returns the track as it was leaves it the same object', async () => {
      const track = await add('audio.mp3');
      expect(await library.update('audio.mp3', (now) => now)).toEqual(track);
      const peeked = library.peek('audio.mp3');
      await library.update('audio.mp3', (now) => now);
      expect(library.peek('audio.mp3')).toBe(peeked);
    });

    it('that throws changes nothing, and is in no one else’s way', async () => {
      const track = await add('audio.mp3');
      const failing = library.update('audio.mp3', () => {
        throw new Error('no change');
      });
      const next = library.update('audio.mp3', (now) => ({ ...now, samples: 7 }));
      await expect(failing).rejects.toThrow('no change');
      expect(await next).toEqual({ ...track, samples: 7 });
    });
  });

  describe('a track that is removed', () => {
    it('is gone, also after a restart', async () => {
      const track = await add('audio.mp3');
      await add('other.mp3');
      await remove('audio.mp3');
      for (const one of [library, await reopen()]) {
        expect(await one.get('audio.mp3')).toBeUndefined();
        expect(await one.findBySha256(track.source.sha256)).toBeUndefined();
        expect((await one.page({})).tracks.map(({ filename }) => filename)).toEqual(['other.mp3']);
      }
    });

    it('is gone, but its name not yet free, while the rest of it is removed', async () => {
      const track = await add('audio.mp3');
      let called = 0;
      await library.remove('audio.mp3', async () => {
        called++;
        expect(await library.get('audio.mp3')).toBeUndefined();
        expect(await library.findBySha256(track.source.sha256)).toBeUndefined();
        expect(await namesOn()).toEqual([]);
        expect((await add('audio.mp3')).filename).toBe('audio-2.mp3');
      });
      expect(called).toBe(1);
      expect(await namesOn()).toEqual(['audio-2.mp3']);
    });

    it('is gone for ever from then on, even if the server is killed', async () => {
      await add('audio.mp3');
      await library.remove('audio.mp3', async () => {
        expect(await (await reopen()).get('audio.mp3')).toBeUndefined();
      });
    });

    it('leaves its name to the next one', async () => {
      await add('audio.mp3');
      await remove('audio.mp3');
      const next = await add('audio.mp3');
      expect(next.filename).toBe('audio.mp3');
      expect(await (await reopen()).get('audio.mp3')).toEqual(next);
    });

    it('leaves its content to be added again', async () => {
      await add('first.mp3', {}, 'equal');
      await remove('first.mp3');
      const { track, created } = await library.add('second.mp3', sampleDraft('equal'));
      expect([track.filename, created]).toEqual(['second.mp3', true]);
    });

    it('is removed once, however often that is asked for', async () => {
      await add('audio.mp3');
      let called = 0;
      const once = () => library.remove('audio.mp3', async () => void called++);
      await Promise.all([once(), once()]);
      await expect(remove('never.mp3')).resolves.toBeUndefined();
      expect(called).toBe(1);
    });
  });

  describe('a home', () => {
    it('is one of its own for each track, and the same after a restart', async () => {
      const tracks = [await add('audio.mp3'), await add('audio.mp3'), await add('other.mp3')];
      expect(new Set(tracks.map(({ home }) => home)).size).toBe(3);
      const next = await reopen();
      for (const { filename, home } of tracks) expect((await next.get(filename))?.home).toBe(home);
    });

    it('is owned as long as its track is there', async () => {
      const [one, other] = [await add('one.mp3'), await add('other.mp3')];
      const homes = [one.home, 'nobody', other.home];
      expect(await library.unownedHomes(homes)).toEqual(['nobody']);
      await remove('one.mp3');
      expect(await library.unownedHomes(homes)).toEqual([one.home, 'nobody']);
      expect(await (await reopen()).unownedHomes(homes)).toEqual([one.home, 'nobody']);
    });
  });

  describe('an original', () => {
    it('is owned by the track that names it, and a copy by the one that uses it', async () => {
      await add('copied.mp3', { upload: 'a.upload', hasSeekableCopy: true });
      await add('plain.mp3', { upload: 'b.upload' });
      await add('without.mp3', { upload: null });
      const uploads = ['a.upload', 'b.upload', 'c.upload'];
      expect(await library.unownedUploads(uploads)).toEqual(['c.upload']);
      expect(await library.unusedCopies(uploads)).toEqual(['b.upload', 'c.upload']);
      await library.update('copied.mp3', (now) => ({ ...now, hasSeekableCopy: false }));
      await remove('plain.mp3');
      expect(await library.unownedUploads(uploads)).toEqual(['b.upload', 'c.upload']);
      expect(await library.unusedCopies(uploads)).toEqual(uploads);
    });
  });

  describe('work that is left', () => {
    const namesOf = async (tracks: AsyncIterable<{ filename: string }>) => {
      const names: string[] = [];
      for await (const { filename } of tracks) names.push(filename);
      return names;
    };

    it('is every unfinished track, oldest first', async () => {
      await addAll('b.mp3', 'c.mp3', 'a.mp3', 'd.mp3');
      await library.update('c.mp3', (now) => ({ ...now, status: 'ready' }));
      await library.update('d.mp3', (now) => ({ ...now, status: 'failed' }));
      expect(await namesOf(library.unfinished())).toEqual(['b.mp3', 'a.mp3']);
      expect(await namesOf((await reopen()).unfinished())).toEqual(['b.mp3', 'a.mp3']);
    });

    it('is every ready track whose bit rates were not measured', async () => {
      const track = await add('old.mp3', { status: 'ready' });
      const renditions = track.renditions.map((one) => ({ ...one, averageBandwidth: 128_000 }));
      await add('new.mp3', { status: 'ready', renditions });
      await add('unfinished.mp3');
      expect(await namesOf(library.unmeasured())).toEqual(['old.mp3']);
    });

    it('are found that are ready and to be analysed', async () => {
      const analysis = TO_ANALYSE;
      await add('one.mp3', { status: 'ready', analysis });
      await add('unfinished.mp3', { analysis });
      await add('two.mp3', { status: 'ready', analysis });
      await add('old.mp3', { status: 'ready' });
      await add('three.mp3', { status: 'ready', analysis });
      await library.update('two.mp3', (track) => ({ ...track, analysis: { ...analysis, status: 'done' } }));
      await library.update('old.mp3', (track) => ({ ...track, originalName: 'x' }));
      expect(await namesOf(library.unanalysed())).toEqual(['one.mp3', 'three.mp3']);
      expect(await namesOf((await reopen()).unanalysed())).toEqual(['one.mp3', 'three.mp3']);
    });
  });

  describe('the loudness of an album', () => {
    const analysed = (integratedLufs: number | null, truePeakDbtp = -1): Analysis => ({
      status: 'done',
      from: 'original',
      loudness: { integratedLufs, truePeakDbtp, rangeLu: 1 },
    });
    const addTo = async (album: Tags, name: string, ...loudness: Parameters<typeof analysed>) => {
      await add(name, { status: 'ready', samples: 441_000 });
      await library.update(name, (track) => ({ ...track, tags: album, analysis: analysed(...loudness) }));
    };
    const ofAlbum = async (name: string, from = library) => {
      const track = (await from.get(name)) as Track;
      await from.readAlbums([track]);
      return from.albumOf(track);
    };

    it('is that of its analysed tracks, by album artist or artist', async () => {
      await addTo({ album: 'A', artist: 'One' }, 'one.mp3', -20, -3);
      await addTo({ album: 'A', albumArtist: 'One', artist: 'Guest' }, 'two.mp3', -10, -1);
      await addTo({ album: 'A', artist: 'Two' }, 'other.mp3', -5, 0);
      await addTo({ album: 'A', artist: 'One' }, 'silent.mp3', null);
      await add('pending.mp3', { status: 'ready', tags: { album: 'A', artist: 'One' } });
      const expected = 10 * Math.log10((10 ** -2 + 10 ** -1) / 2);
      for (const node of [library, await reopen()]) {
        await node.opened;
        const album = await ofAlbum('one.mp3', node);
        expect(album?.integratedLufs).toBeCloseTo(expected, 6);
        expect(album?.truePeakDbtp).toBe(-1);
        expect(await ofAlbum('two.mp3', node)).toEqual(album);
        expect(await ofAlbum('silent.mp3', node)).toBeUndefined();
      }
    });

    it('follows changes and removals', async () => {
      await addTo({ album: 'A', artist: 'One' }, 'one.mp3', -20);
      await addTo({ album: 'A', artist: 'One' }, 'two.mp3', -10);
      await addTo({ album: 'A', artist: 'One' }, 'three.mp3', -10);
      await library.update('two.mp3', (track) => ({ ...track, tags: { album: 'B', artist: 'One' } }));
      await remove('three.mp3');
      expect((await ofAlbum('one.mp3'))?.integratedLufs).toBeCloseTo(-20, 6);
      expect((await ofAlbum('two.mp3'))?.integratedLufs).toBeCloseTo(-10, 6);
      await library.update('two.mp3', (track) => ({ ...track, tags: {} }));
      expect(await ofAlbum('two.mp3')).toBeUndefined();
    });
  });

  describe('equal bytes', () => {
    it('give the track that exists, under whatever name they come', async () => {
      const track = await add('audio.mp3', {}, 'equal');
      expect(await library.add('other.mp3', sampleDraft('equal'))).toEqual({ track, created: false });
      expect(await library.add('audio.mp3', sampleDraft('equal'))).toEqual({ track, created: false });
      expect(await (await reopen()).add('third.mp3', sampleDraft('equal'))).toEqual({
        track,
        created: false,
      });
      expect(await namesOn()).toEqual(['audio.mp3']);
    });

    it('that come at once give one track', async () => {
      const names = ['a.mp3', 'b.mp3', 'a.mp3', 'c.mp3', 'd.mp3'];
      const added = await Promise.all(names.map((name) => library.add(name, sampleDraft('equal'))));
      expect(added.filter(({ created }) => created)).toHaveLength(1);
      expect(new Set(added.map(({ track }) => track.filename)).size).toBe(1);
      expect(await namesOn()).toEqual([added[0]?.track.filename]);
    });
  });

  it('can be written to, and has nothing damaged', async () => {
    await expect(library.assertWritable()).resolves.toBeUndefined();
    expect(await library.damaged()).toEqual([]);
  });
}

const base64 = (text: string) => Buffer.from(text).toString('base64url');
