/** The guarantees of `Library.page` beyond the order of uploads: search, orders and filters. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Library, PageRequest, Sort, TrackDraft } from '../../src/library/library.ts';
import { fold } from '../../src/tracks/folding.ts';
import { durationSeconds, type Track } from '../../src/tracks/track.ts';
import { sampleDraft } from '../support/sample-track.ts';
import type { LibraryUnderTest } from './library.ts';

export function libraryListsContract(open: () => Promise<LibraryUnderTest>): void {
  let library: Library;
  let reopen: () => Promise<Library>;
  let contents = 0;
  beforeEach(async () => {
    ({ library, reopen } = await open());
  });

  const add = async (name: string, changes: Partial<TrackDraft> = {}) =>
    (await library.add(name, sampleDraft(`${name} ${++contents}`, { originalName: name, ...changes }))).track;
  const namesOn = async (request: PageRequest, on = library) =>
    (await on.page(request)).tracks.map(({ filename }) => filename);
  /** Follows cursors to the end. */
  const namesOfAllPages = async (request: PageRequest): Promise<string[]> => {
    const names: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await library.page({ ...request, cursor });
      names.push(...page.tracks.map(({ filename }) => filename));
      cursor = page.nextCursor;
    } while (cursor !== undefined && names.length < 1000);
    return names;
  };

  describe('a search', () => {
    it.each([
      ['bjork', ['a.mp3']],
      ['BJÖRK', ['a.mp3']],
      ['joga homogenic', ['a.mp3']],
      ['genic jog', ['a.mp3']],
      ['joga debut', []],
      ['gros', ['d.mp3']],
      ['GRÖSSE', ['d.mp3']],
      ['lodz', ['c.mp3']],
      ['東', ['c.mp3']],
      ['京都', []],
      ['ab-12/x', ['b.mp3']],
      ['4711', ['d.mp3']],
      ['secret', []],
      ['c.m', ['c.mp3']],
      ['mp', ['d.mp3', 'c.mp3', 'b.mp3', 'a.mp3']],
      ['_', []],
      ['100%', ['b.mp3']],
      ['1%', []],
      ["don't", ['b.mp3']],
      ['  ', ['d.mp3', 'c.mp3', 'b.mp3', 'a.mp3']],
    ])('for "%s" looks in title, artist, album, names and external id', async (query, expected) => {
      await add('a.mp3', {
        tags: { title: 'Jóga', artist: 'Bjo\u0308rk', album: 'Homogenic', comment: 'secret' },
      });
      await add('b.mp3', {
        tags: { title: 'Don’t \\ 100%' },
        metadata: { externalId: 'AB-12/x', other: 'secret' },
      });
      await add('c.mp3', { tags: { title: '東京', artist: 'Łódź' } });
      await add('d.mp3', { originalName: 'Größe.mp3', metadata: { externalId: 4711 } });
      expect(await namesOn({ query })).toEqual(expected);
      expect(await namesOn({ query }, await reopen())).toEqual(expected);
    });

    it('finds a track by what it was changed to, and no more by what it was', async () => {
      await add('a.mp3', { tags: { title: 'Old', artist: 'Zoe' } });
      await add('b.mp3', { tags: { title: 'Middle', artist: 'Kim' } });
      await namesOn({ sort: 'title' });
      await library.update('a.mp3', (now) => ({ ...now, tags: { title: 'New', artist: 'Abe' } }));
      for (const on of [library, await reopen()]) {
        expect(await namesOn({ query: 'new' }, on)).toEqual(['a.mp3']);
        expect(await namesOn({ query: 'old' }, on)).toEqual([]);
        expect(await namesOn({ artist: 'abe' }, on)).toEqual(['a.mp3']);
        expect(await namesOn({ sort: 'title' }, on)).toEqual(['b.mp3', 'a.mp3']);
        expect(await namesOn({ sort: 'artist' }, on)).toEqual(['a.mp3', 'b.mp3']);
      }
      await library.remove('a.mp3', async () => {});
      expect(await namesOn({ query: 'new' })).toEqual([]);
      expect(await namesOn({ sort: 'title' })).toEqual(['b.mp3']);
    });
  });

  describe('an order', () => {
    it.each<[Sort, string[]]>([
      ['newest', ['e', 'd', 'c', 'b', 'a']],
      ['title', ['d', 'a', 'b', 'c', 'e']],
      ['artist', ['b', 'd', 'c', 'a', 'e']],
      ['duration', ['e', 'a', 'b', 'c', 'd']],
    ])('by %s has ties in the order of upload', async (sort, expected) => {
      await add('a', { tags: { title: 'Á', artist: 'Zed' }, samples: 44_100 });
      await add('b', { tags: { title: 'beta', artist: 'ábba' }, samples: 88_200 });
      await add('c', { tags: { title: 'Beta', artist: 'Bob' }, samples: 96_000, sampleRate: 48_000 });
      await add('d', { tags: { title: '1', artist: 'ABBA' }, samples: 441_000 });
      // No title: among the titles by its name.
      await add('e', { samples: 1 });
      for (const on of [library, await reopen()]) expect(await namesOn({ sort }, on)).toEqual(expected);
      expect(await namesOfAllPages({ sort, limit: 2 })).toEqual(expected);
    });

    it('follows the length of a track', async () => {
      await add('a', { samples: 100 });
      await add('b', { samples: 200 });
      expect(await namesOn({ sort: 'duration' })).toEqual(['a', 'b']);
      await library.update('a', (now) => ({ ...now, samples: 300 }));
      expect(await namesOn({ sort: 'duration' })).toEqual(['b', 'a']);
    });

    it.each<Sort>(['title', 'artist', 'duration'])(
      'by %s goes on where it ended, whatever came and went',
      async (sort) => {
        const track = (n: number) => ({
          tags: { title: `title ${n}`, artist: `artist ${n}` },
          samples: n * 1000,
        });
        for (const n of [1, 2, 3, 4, 5, 6]) await add(`track-${n}`, track(n));
        const { tracks, nextCursor } = await library.page({ sort, limit: 3 });
        expect(tracks.map(({ filename }) => filename)).toEqual(['track-1', 'track-2', 'track-3']);
        // The last one of the page, one before it, and one that is still to come; others come on both sides.
        for (const n of [3, 1, 5]) await library.remove(`track-${n}`, async () => {});
        await add('track-0', track(0.5));
        await add('track-7', track(4.5));
        expect(await namesOn({ sort, limit: 2, cursor: nextCursor })).toEqual(['track-4', 'track-7']);
        expect(await namesOn({ sort, cursor: nextCursor })).toEqual(['track-4', 'track-7', 'track-6']);
      },
    );

    it.each<[Sort, Sort]>([
      ['newest', 'title'],
      ['title', 'newest'],
      ['title', 'artist'],
      ['artist', 'duration'],
    ])('takes no cursor of %s for %s', async (given, sort) => {
      for (const name of ['a', 'b']) await add(name);
      const { nextCursor: cursor } = await library.page({ sort: given, limit: 1 });
      const refused = library.page({ sort, cursor });
      await expect(refused).rejects.toMatchObject({ status: 400, code: 'invalid_query' });
    });
  });

  it.each<[PageRequest, string[]]>([
    [{ status: 'ready' }, ['c', 'a']],
    [{ status: 'failed' }, ['d']],
    [{ artist: 'BJORK' }, ['b', 'a']],
    [{ artist: 'Bj' }, []],
    [{ artist: ' ' }, []],
    [{ album: 'debut' }, ['c', 'a']],
    [{ artist: 'björk', album: 'Début' }, ['a']],
    [{ artist: 'björk', status: 'processing', query: 'b' }, ['b']],
    [{ album: 'debut', sort: 'title' }, ['a', 'c']],
  ])('the filter %j is equal but for case and accents', async (request, expected) => {
    await add('a', { status: 'ready', tags: { artist: 'Björk', album: 'Debut' } });
    await add('b', { tags: { artist: 'bjork', album: 'Debut Live' } });
    await add('c', { status: 'ready', tags: { artist: 'Björk Guðmundsdóttir', album: 'DEBUT' } });
    await add('d', { status: 'failed' });
    expect(await namesOn(request)).toEqual(expected);
    expect(await namesOfAllPages({ ...request, limit: 1 })).toEqual(expected);
  });

  it('gives to random questions about random tracks the answers that a plain comparison gives', async () => {
    const random = randomNumbers(20);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
    const words = [
      'Björk',
      'bjork',
      'Joga',
      '東京',
      'Größe',
      'x',
      '%',
      "d'Or",
      '🎵',
      'é',
      'zz',
      'long'.repeat(40),
      '\uffee',
      '\u{10000}',
    ];
    const text = () =>
      random() < 0.3 ? undefined : Array.from({ length: 1 + random() * 3 }, () => pick(words)).join(' ');
    const tracks: Track[] = [];
    for (let n = 0; n < 60; n++) {
      const tags = { title: text(), artist: text(), album: text() };
      const present = Object.fromEntries(Object.entries(tags).filter(([, value]) => value !== undefined));
      const samples = 1000 * Math.ceil(random() * 5);
      const status = pick(['ready', 'processing', 'failed'] as const);
      await add(`${pick(['Ä', 'b', 'track'])}-${n}`, { tags: present, samples, status });
      if (random() < 0.2)
        await library.remove(pick((await library.page({})).tracks).filename, async () => {});
    }
    for (const track of (await library.page({ oldestFirst: true })).tracks) {
      const changed = random() < 0.5 ? { ...track, tags: { ...track.tags, title: pick(words) } } : track;
      tracks.push((await library.update(track.filename, () => changed)) as Track);
    }
    for (let n = 0; n < 60; n++) {
      const request: PageRequest = {
        sort: pick<Sort>(['newest', 'title', 'artist', 'duration']),
        ...(random() < 0.6 && { query: text() ?? '' }),
        ...(random() < 0.2 && { status: pick(['ready', 'failed'] as const) }),
        ...(random() < 0.2 && { artist: text() ?? 'x' }),
        ...(random() < 0.2 && { album: text() ?? 'x' }),
      };
      const expected = answer(tracks, request);
      expect(await namesOn(request), JSON.stringify(request)).toEqual(expected);
      expect(await namesOfAllPages({ ...request, limit: 7 }), JSON.stringify(request)).toEqual(expected);
    }
  });
}

/** Answers as `Library.page` does, with neither index nor key. @param tracks in the order of their upload. */
function answer(tracks: Track[], { sort, query = '', status, artist, album }: PageRequest): string[] {
  const words = fold(query).split(' ');
  const found = tracks.filter(({ filename, originalName, tags, ...track }) => {
    const texts = [filename, originalName, tags.title, tags.artist, tags.album].map((each) =>
      fold(each ?? ''),
    );
    return (
      words.every((word) => texts.some((each) => each.includes(word))) &&
      (status === undefined || track.status === status) &&
      (artist === undefined || same(tags.artist, artist)) &&
      (album === undefined || same(tags.album, album))
    );
  });
  const bytes = (text: string) => Buffer.from(shortened(text));
  const compare: Record<Sort, (one: Track, other: Track) => number> = {
    newest: () => 0,
    title: (one, other) =>
      Buffer.compare(bytes(one.tags.title ?? one.filename), bytes(other.tags.title ?? other.filename)),
    artist: ({ tags: { artist: one } }, { tags: { artist: other } }) =>
      one === undefined || other === undefined
        ? Number(one === undefined) - Number(other === undefined)
        : Buffer.compare(bytes(one), bytes(other)),
    duration: (one, other) => durationSeconds(one) - durationSeconds(other),
  };
  const sorted = sort === 'newest' ? found.toReversed() : found.toSorted(compare[sort ?? 'newest']);
  return sorted.map(({ filename }) => filename);
}

const shortened = (text: string) => fold(text).slice(0, 100).toWellFormed();
const same = (tag: string | undefined, wanted: string) =>
  tag !== undefined && shortened(tag) === shortened(wanted);

/** Returns a generator of numbers from 0 to 1, the same ones each time (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
