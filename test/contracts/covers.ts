/** The guarantees of changed covers, on any library with any storage. */
import { describe, expect, it } from 'vitest';
import { errors, UnknownOutcomeError } from '../../src/errors.ts';
import { editCover, replaceCover } from '../../src/facts/change-cover.ts';
import { COVER_SIZES, type CoverFiles, coverFileName, coverOf } from '../../src/facts/cover-files.ts';
import type { Library } from '../../src/library/library.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { Cover } from '../../src/tracks/facts.ts';
import type { Track } from '../../src/tracks/track.ts';
import { sampleDraft } from '../support/sample-track.ts';

const filesOf = (name: string): CoverFiles =>
  new Map(COVER_SIZES.map((size) => [size, Buffer.from(`${name} of ${size}`)]));
const anyway = () => {};
let added = 0;

/** @param open gives a library and a storage; they may hold other tracks. */
export function coversContract(open: () => Promise<{ library: Library; storage: Storage }>): void {
  /** A track without a cover. */
  async function started() {
    const stores = await open();
    const content = `cover ${++added} ${Math.random()}`;
    const { track } = await stores.library.add('song.mp3', sampleDraft(content));
    const { filename, home } = track;
    const now = async () => (await stores.library.get(filename)) as Track;
    const put = (name: string, accept: (track: Track) => void = anyway) =>
      editCover(filename, { files: filesOf(name), accept }, stores);
    const names = async () => (await stores.storage.listSidecars(home)).sort();
    /** Resolves with the name of the cover that is stored whole. Throws for one that is not. */
    const shown = async () => {
      const { cover } = await now();
      if (!cover) return null;
      const read = COVER_SIZES.map((size) => stores.storage.readSidecar(home, coverFileName(cover, size)));
      const texts = (await Promise.all(read)).map(String);
      const [name = ''] = texts[0]?.split(' of ') ?? [];
      expect(texts).toEqual(COVER_SIZES.map((size) => `${name} of ${size}`));
      return name;
    };
    return { ...stores, track, filename, home, now, put, names, shown };
  }

  it('are stored whole, and named in the record as edited', async () => {
    const { put, shown, now, names } = await started();
    const { cover, edited } = await put('first');
    expect([edited, (await now()).cover]).toEqual([['cover'], cover]);
    expect(await shown()).toBe('first');
    expect(await names()).toHaveLength(3);
  });

  it('replace the one before, of which nothing is left', async () => {
    const { put, shown, names } = await started();
    await put('first');
    await put('second');
    expect(await shown()).toBe('second');
    expect(await names()).toHaveLength(3);
  });

  it('stay as they are where the same picture comes again', async () => {
    const { put } = await started();
    const first = await put('first');
    expect((await put('first')).cover).toEqual(first.cover);
  });

  it('are removed, also for good', async () => {
    const { put, filename, library, storage, names } = await started();
    await put('first');
    const remove = () => editCover(filename, { files: null, accept: anyway }, { library, storage });
    expect(await remove()).toMatchObject({ cover: null, edited: ['cover'] });
    expect(await remove()).toMatchObject({ cover: null, edited: ['cover'] });
    expect(await names()).toEqual([]);
  });

  it('of many changes at once are one of them, whole', async () => {
    const { put, shown, names } = await started();
    const pictures = Array.from({ length: 8 }, (_, n) => `picture ${n % 5}`);
    await Promise.all(pictures.map((name) => put(name)));
    expect(pictures).toContain(await shown());
    expect(await names()).toHaveLength(3);
  });

  it('leave nothing behind where the change is refused, or the track is gone', async () => {
    const { put, names, home, library, storage, filename, track } = await started();
    await put('first');
    const before = await names();
    const refuse = () => {
      throw errors.preconditionFailed();
    };
    await expect(put('second', refuse)).rejects.toMatchObject({ code: 'precondition_failed' });
    await expect(put('first', refuse)).rejects.toMatchObject({ code: 'precondition_failed' });
    expect(await names()).toEqual(before);
    await library.remove(filename, () => storage.removeHome(home));
    await expect(put('second')).rejects.toMatchObject({ code: 'track_not_found' });
    const files = filesOf('late');
    const late = { cover: coverOf(files), files, change: (now: Track) => now };
    expect(await replaceCover(track, late, { library, storage })).toBe(undefined);
    expect(await names()).toEqual([]);
  });

  it('go to no other upload that has got the name meanwhile', async () => {
    const { library, storage, filename, home, now } = await started();
    let isOther = false;
    const replaced: Storage = {
      ...storage,
      async putSidecar(...file) {
        await storage.putSidecar(...file);
        if (isOther) return;
        isOther = true;
        await library.remove(filename, () => storage.removeHome(home));
        await library.add(filename, sampleDraft(`other ${added} ${Math.random()}`));
      },
    };
    const late = editCover(
      filename,
      { files: filesOf('late'), accept: anyway },
      { library, storage: replaced },
    );
    await expect(late).rejects.toMatchObject({ code: 'track_not_found' });
    const other = await now();
    expect([other.cover, await storage.listSidecars(other.home)]).toEqual([null, []]);
    expect(await storage.listSidecars(home)).toEqual([]);
  });

  describe('after a kill in between', () => {
    it('are swept with the next change, unless they are young enough to be under way', async () => {
      const { put, home, storage, names } = await started();
      const left = filesOf('left behind');
      const [old, young] = [2, 0].map((hours) =>
        coverOf(left, { madeAt: Date.now() - hours * 3_600_000, salt: '00112233' }),
      ) as [Cover, Cover];
      for (const cover of [old, young]) {
        for (const [size, bytes] of left) await storage.putSidecar(home, coverFileName(cover, size), bytes);
      }
      await storage.putSidecar(home, 'pauses.json', Buffer.from('{}'));
      const { cover } = await put('first');
      const kept = [young, cover].flatMap((each) =>
        COVER_SIZES.map((size) => each && coverFileName(each, size)),
      );
      expect(await names()).toEqual([...kept, 'pauses.json'].sort());
    });

    it('are kept where the record may name them', async () => {
      const { library, storage, filename, names } = await started();
      const broken: Library = {
        ...library,
        async update(...change) {
          await library.update(...change);
          throw new UnknownOutcomeError(new Error('the connection broke'));
        },
      };
      const change = { files: filesOf('first'), accept: anyway };
      const unknown = editCover(filename, change, { library: broken, storage });
      await expect(unknown).rejects.toThrow(UnknownOutcomeError);
      expect(await names()).toHaveLength(3);
    });
  });
}
