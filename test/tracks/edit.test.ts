import { describe, expect, it } from 'vitest';
import { editTrack, TrackEdit } from '../../src/tracks/edit.ts';
import { editTagOf } from '../../src/tracks/edit-tag.ts';
import { MAX_CHAPTERS } from '../../src/tracks/tag-text.ts';
import { parseTrack } from '../../src/tracks/track.ts';
import { sampleTrack } from '../support/sample-track.ts';

/** A track of 10 s. */
const track = sampleTrack({
  tags: { title: 'Joga', artist: 'Bjork' },
  metadata: { externalId: 'a', shelf: { row: 1 } },
});
const edit = (patch: unknown, of = track) => editTrack(of, TrackEdit.parse(patch));
const refusals = (patch: unknown) =>
  TrackEdit.safeParse(patch).error?.issues.map(({ path, message }) => ({ path: path.join('/'), message })) ??
  [];

describe('an edit', () => {
  it('changes what it names, removes what is null, and leaves the rest', () => {
    const edited = edit({ tags: { title: 'Jóga', artist: null, genres: ['Pop', 'Art'] } });
    expect(edited.tags).toEqual({ title: 'Jóga', genres: ['Pop', 'Art'] });
    expect(edited).toEqual({ ...track, tags: edited.tags, edited: ['artist', 'genres', 'title'] });
  });

  it('remembers everything that was ever edited', () => {
    const once = edit({ tags: { title: 'Jóga' } });
    expect(edit({ chapters: null, tags: { title: null } }, once).edited).toEqual(['chapters', 'title']);
    expect(edit({}, once).edited).toEqual(['title']);
  });

  it('removes all tags, and remembers each as edited', () => {
    const edited = edit({ tags: null });
    expect(edited.tags).toEqual({});
    expect(edited.edited).toContain('isrc');
    expect(edited.edited).toHaveLength(14);
  });

  it('merges metadata, which no file has', () => {
    const edited = edit({ metadata: { shelf: { column: 2, row: null }, note: '<b>' } });
    expect(edited.metadata).toEqual({ externalId: 'a', shelf: { column: 2 }, note: '<b>' });
    expect(edited.edited).toEqual([]);
    expect(edit({ metadata: null }).metadata).toEqual({});
  });

  it('replaces chapters, and moves an end that was rounded', () => {
    const chapters = [
      { startSeconds: 0, endSeconds: 4, title: 'One' },
      { startSeconds: 4, endSeconds: 10.4, title: '' },
    ];
    const edited = edit({ chapters });
    expect(edited.chapters).toEqual([chapters[0], { ...chapters[1], endSeconds: 10 }]);
    expect(edited.edited).toEqual(['chapters']);
  });

  it('makes a record that is read again as it is', () => {
    const { home, ...record } = edit({
      tags: { track: 3, comment: 'a\nb' },
      metadata: { a: [null, { b: 1.5 }] },
    });
    expect(parseTrack(JSON.parse(JSON.stringify(record)))).toEqual(record);
    expect(home).toBe(track.home);
  });
});

describe('refused is', () => {
  it.each([
    [[], '', 'The body must be a JSON object'],
    ['text', '', 'The body must be a JSON object'],
    [{ title: 'x' }, '', '"title"'],
    [{ cover: null, status: 'ready' }, '', '"cover", "status"'],
    [{ tags: { titel: 'x' } }, 'tags', '"titel"'],
    [{ tags: ['x'] }, 'tags', '"tags" must be a JSON object'],
    [{ tags: { title: '' } }, 'tags/title', '"title" must be text of 1 to 1000'],
    [{ tags: { title: 7 } }, 'tags/title', '"title" must be text'],
    [{ tags: { title: 'x'.repeat(1001) } }, 'tags/title', '1 to 1000'],
    [{ tags: { title: 'a\0b' } }, 'tags/title', 'control characters'],
    [{ tags: { genres: [] } }, 'tags/genres', '"genres" must be a list of 1 to 20'],
    [{ tags: { genres: 'Pop' } }, 'tags/genres', '"genres" must be a list'],
    [{ tags: { track: 0 } }, 'tags/track', 'whole number'],
    [{ tags: { disc: 1.5 } }, 'tags/disc', 'whole number'],
    [{ chapters: {} }, 'chapters', '"chapters" must be a list'],
    [{ chapters: [{ startSeconds: -1, endSeconds: 1, title: '' }] }, 'chapters/0/startSeconds', 'seconds'],
    [{ chapters: [{ startSeconds: 0, endSeconds: 1 }] }, 'chapters/0/title', 'must be text'],
    [{ chapters: [{ startSeconds: 0, endSeconds: 1, title: '', url: '' }] }, 'chapters/0', '"url"'],
    [{ metadata: [] }, 'metadata', '"metadata" must be a JSON object'],
    [{ metadata: 'x' }, 'metadata', '"metadata" must be a JSON object'],
  ])('%j', (patch, path, message) => {
    const [first, ...others] = refusals(patch);
    expect(others).toEqual([]);
    expect(first?.path).toBe(path);
    expect(first?.message).toContain(message);
  });

  it('more chapters than any player shows', () => {
    const chapters = Array.from({ length: MAX_CHAPTERS + 1 }, () => ({
      startSeconds: 0,
      endSeconds: 1,
      title: '',
    }));
    expect(refusals({ chapters })).toMatchObject([{ path: 'chapters' }]);
    expect(edit({ chapters: chapters.slice(1) }).chapters).toHaveLength(MAX_CHAPTERS);
  });

  const chapter = (startSeconds: number, endSeconds: number) => ({ startSeconds, endSeconds, title: '' });
  it.each([
    [{ chapters: [chapter(3, 4), chapter(2, 5)] }, '#/chapters/1', 'order'],
    [{ chapters: [chapter(10, 10.5)] }, '#/chapters/0', 'within the track'],
    [{ chapters: [chapter(1, 11.1)] }, '#/chapters/0', 'within the track, which has 10 s'],
    [{ chapters: [chapter(1, 1)] }, '#/chapters/0', 'end after its start'],
    [{ metadata: { big: 'ä'.repeat(2048) } }, '#/metadata', '4096'],
  ])('%j, which does not fit the track', (patch, pointer, detail) => {
    const refused = () => edit(patch);
    expect(refused).toThrow(detail);
    expect(refused).toThrow(
      expect.objectContaining({
        code: 'invalid_body',
        extensions: { errors: [expect.objectContaining({ pointer })] },
      }),
    );
  });

  it('metadata that grows too large by parts', () => {
    const half = edit({ metadata: { one: 'x'.repeat(2500) } });
    expect(() => edit({ metadata: { two: 'x'.repeat(2500) } }, half)).toThrow('4096');
  });
});

describe('the entity tag', () => {
  const etag = editTagOf(track);
  it('is strong and short', () => expect(etag).toMatch(/^"[\w-]{22}"$/));

  it.each([
    ['a tag', { tags: { title: 'Jóga' } }],
    ['chapters', { chapters: [{ startSeconds: 0, endSeconds: 1, title: '' }] }],
    ['metadata', { metadata: { externalId: 'b' } }],
    ['the cover', { cover: { hash: '0123456789abcdef' } }],
  ])('changes with %s', (_, changes) => expect(editTagOf({ ...track, ...changes })).not.toBe(etag));

  it('does not change with the state of the track, nor with the order of members', () => {
    const analysis = { status: 'done' as const, from: 'original', loudness: null };
    const others = {
      status: 'ready' as const,
      samples: 7,
      storedBytes: 1,
      analysis,
      areTagsRead: true,
      edited: ['title'],
    };
    const tags = { artist: 'Bjork', title: 'Joga' };
    const metadata = { shelf: { row: 1 }, externalId: 'a' };
    expect(editTagOf({ ...track, ...others, tags, metadata })).toBe(etag);
  });
});
