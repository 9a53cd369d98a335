import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDiskLibrary } from '../../src/library/disk.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import { libraryContract } from '../contracts/library.ts';
import { libraryListsContract } from '../contracts/library-lists.ts';
import { temporaryFolder } from '../support/folders.ts';
import { sampleDraft, sampleTrack } from '../support/sample-track.ts';

describe('a library on disk', () => {
  const fresh = async () => {
    const folder = await temporaryFolder();
    return { library: await openDiskLibrary(folder), reopen: () => openDiskLibrary(folder) };
  };
  describe('as every library', () => libraryContract(fresh));
  describe('with lists as every library', () => libraryListsContract(fresh));

  /** A data folder with one good track, and the folder of another track with these files in it. */
  async function folderWith(filename: string, files: Record<string, string>) {
    const dataDir = await temporaryFolder();
    const library = await openDiskLibrary(dataDir);
    await library.add('good.mp3', sampleDraft('good'));
    const manifests = path.join(dataDir, 'manifests');
    await mkdir(path.join(manifests, filename), { recursive: true });
    for (const [name, content] of Object.entries(files)) {
      await writeFile(path.join(manifests, filename, name), content);
    }
    return { dataDir, manifests };
  }

  const namesIn = async (dataDir: string) => {
    const { tracks } = await (await openDiskLibrary(dataDir)).page({});
    return tracks.map(({ filename }) => filename);
  };

  it('writes a record that people can read, beside the manifest', async () => {
    const dataDir = await temporaryFolder();
    const library = await openDiskLibrary(dataDir);
    const { track } = await library.add('audio.mp3', sampleDraft('audio'));
    await (await openDiskStorage(dataDir)).putManifest(track.home, () => '<MPD/>');
    const folder = path.join(dataDir, 'manifests', 'audio.mp3');
    expect((await readdir(folder)).sort()).toEqual(['manifest.mpd', 'track.json']);
    expect(await readFile(path.join(folder, 'manifest.mpd'), 'utf8')).toBe('<MPD/>');
    const record = await readFile(path.join(folder, 'track.json'), 'utf8');
    const { home, ...stored } = track;
    expect(JSON.parse(record)).toEqual(stored);
    expect(home).toBe('audio.mp3');
    expect(record.split('\n').length).toBeGreaterThan(20);
  });

  it('leaves nothing of a removed track', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', { 'manifest.mpd': '<MPD/>' });
    const library = await openDiskLibrary(dataDir);
    const storage = await openDiskStorage(dataDir);
    await library.remove('good.mp3', () => storage.removeHome('good.mp3'));
    // A manifest that comes too late for its track is not written.
    await storage.putManifest('good.mp3', () => '<MPD/>');
    expect(await readdir(manifests)).toEqual([]);
  });

  it('opens with a track whose folder was copied into place', async () => {
    const copied = sampleTrack({ filename: 'copied.mp3' });
    const { dataDir } = await folderWith('copied.mp3', { 'track.json': JSON.stringify(copied) });
    expect(await (await openDiskLibrary(dataDir)).get('copied.mp3')).toEqual(copied);
  });

  it.each([
    ['is empty', ''],
    ['is cut off', JSON.stringify(sampleTrack({ filename: 'bad.mp3' })).slice(0, 200)],
    ['is no JSON', 'not a record'],
    ['is of a version to come', JSON.stringify({ ...sampleTrack({ filename: 'bad.mp3' }), version: 99 })],
    ['is that of another track', JSON.stringify(sampleTrack({ filename: 'other.mp3' }))],
    ['is that of the same name in another case', JSON.stringify(sampleTrack({ filename: 'BAD.mp3' }))],
  ])('is harmed in one track only where a record %s', async (_what, record) => {
    const { dataDir, manifests } = await folderWith('bad.mp3', { 'track.json': record, '.tmp-x': 'half' });
    const library = await openDiskLibrary(dataDir);
    expect(await library.damaged()).toEqual(['bad.mp3']);
    expect(await library.get('bad.mp3')).toBeUndefined();
    expect((await library.get('good.mp3'))?.filename).toBe('good.mp3');
    expect(await namesIn(dataDir)).toEqual(['good.mp3']);
    // Its name stays taken and its files are left for people to repair.
    expect((await library.add('Bad.mp3', sampleDraft('new'))).track.filename).toBe('Bad-2.mp3');
    expect(await readFile(path.join(manifests, 'bad.mp3', 'track.json'), 'utf8')).toBe(record);
  });

  it('serves a damaged track again once its record is repaired', async () => {
    const { dataDir, manifests } = await folderWith('bad.mp3', { 'track.json': '' });
    await openDiskLibrary(dataDir);
    const repaired = sampleTrack({ filename: 'bad.mp3' });
    await writeFile(path.join(manifests, 'bad.mp3', 'track.json'), JSON.stringify(repaired));
    const library = await openDiskLibrary(dataDir);
    expect(await library.get('bad.mp3')).toEqual(repaired);
    expect(await library.damaged()).toEqual([]);
  });

  it.each([
    ['nothing', {}],
    ['only a manifest', { 'manifest.mpd': '<MPD/>' }],
    ['a record that was never finished', { '.tmp-0b1c': '{"version": 1' }],
  ])('removes a folder with %s as it opens, and its name is free', async (_what, files) => {
    const { dataDir, manifests } = await folderWith('crashed.mp3', files);
    const library = await openDiskLibrary(dataDir);
    expect(await library.damaged()).toEqual([]);
    expect(await readdir(manifests)).toEqual(['good.mp3']);
    expect((await library.add('crashed.mp3', sampleDraft('new'))).track.filename).toBe('crashed.mp3');
  });

  it('sweeps what a crash left half-written', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', {});
    await writeFile(path.join(manifests, '.tmp-2d3e'), 'half');
    await (await openDiskLibrary(dataDir)).opened;
    expect(await readdir(manifests)).toEqual(['good.mp3']);
  });

  it('finds any track while it still reads the others, and whatever else is asked for waits', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', {});
    const names = Array.from({ length: 500 }, (_, n) => `copied-${n}.mp3`);
    for (const [n, filename] of names.entries()) {
      const uploadedAt = new Date(1_700_000_000_000 + n).toISOString();
      await mkdir(path.join(manifests, filename));
      await writeFile(
        path.join(manifests, filename, 'track.json'),
        JSON.stringify(sampleTrack({ filename, uploadedAt })),
      );
    }
    const library = await openDiskLibrary(dataDir);
    let isOpen = false;
    void library.opened.then(() => {
      isOpen = true;
    });
    const [last, none, tooLong] = await Promise.all([
      library.get('copied-499.mp3'),
      library.get('none.mp3'),
      library.get(`${'x'.repeat(300)}.mp3`),
    ]);
    expect([last?.filename, none, tooLong, isOpen]).toEqual(['copied-499.mp3', undefined, undefined, false]);
    const again = library.add('copied-3.mp3', sampleDraft('new'));
    expect((await library.page({})).tracks.slice(-500).map(({ filename }) => filename)).toEqual(
      names.reverse(),
    );
    expect(isOpen).toBe(true);
    expect((await again).track.filename).toBe('copied-3-2.mp3');
    expect(await library.damaged()).toEqual([]);
  });

  it('lets others have their turn while it searches many names', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', {});
    // All of them look as if they had the word.
    const names = Array.from({ length: 2000 }, (_, n) => `${n}-pied-pied.mp3`);
    for (const filename of ['pied-pied-pied.mp3', ...names]) {
      mkdirSync(path.join(manifests, filename));
      writeFileSync(
        path.join(manifests, filename, 'track.json'),
        JSON.stringify(sampleTrack({ filename, originalName: filename })),
      );
    }
    const library = await openDiskLibrary(dataDir);
    await library.opened;
    let turns = 0;
    let searching = true;
    const countTurns = () => {
      turns++;
      if (searching) setImmediate(countTurns);
    };
    setImmediate(countTurns);
    const page = await library.page({ query: 'pied-pied-pied', limit: 5 });
    searching = false;
    expect(page.tracks.map(({ filename }) => filename)).toEqual(['pied-pied-pied.mp3']);
    expect(turns).toBeGreaterThanOrEqual(4);
  });

  it('finds another of equal bytes once one of them is removed', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', {});
    for (const filename of ['a.mp3', 'b.mp3', 'c.mp3']) {
      await mkdir(path.join(manifests, filename));
      await writeFile(
        path.join(manifests, filename, 'track.json'),
        JSON.stringify(sampleTrack({ filename })),
      );
    }
    const library = await openDiskLibrary(dataDir);
    const { sha256 } = sampleTrack({}).source;
    const left = new Set(['a.mp3', 'b.mp3', 'c.mp3']);
    for (let found = await library.findBySha256(sha256); found; found = await library.findBySha256(sha256)) {
      expect(left.delete(found.filename)).toBe(true);
      await library.remove(found.filename, async () => {});
    }
    expect(left.size).toBe(0);
  });

  it('leaves alone what is no folder of a track', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', {});
    await writeFile(path.join(manifests, '.gitkeep'), '');
    await writeFile(path.join(manifests, 'README'), 'read me');
    expect(await namesIn(dataDir)).toEqual(['good.mp3']);
    expect((await readdir(manifests)).sort()).toEqual(['.gitkeep', 'README', 'good.mp3']);
  });

  it('leaves nothing of a track that could not be stored, and its name is free', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', {});
    const library = await openDiskLibrary(dataDir);
    // A library that opens removes folders without a record.
    await library.opened;
    const blocked = path.join(manifests, 'audio.mp3', 'track.json');
    await mkdir(path.join(blocked, 'in-the-way'), { recursive: true });
    await expect(library.add('audio.mp3', sampleDraft('audio'))).rejects.toThrow();
    expect(await library.get('audio.mp3')).toBeUndefined();
    expect(await library.findBySha256(sampleDraft('audio').source.sha256)).toBeUndefined();
    expect((await library.page({})).tracks).toHaveLength(1);
    expect(await readdir(manifests)).toEqual(['good.mp3']);
    const { track } = await library.add('audio.mp3', sampleDraft('audio'));
    expect(track.filename).toBe('audio.mp3');
    expect((await library.page({})).tracks.map(({ filename }) => filename)).toEqual([
      'audio.mp3',
      'good.mp3',
    ]);
  });

  it.each(['..', '../victim.mp3', '/', 'a\0b'])('does not add a track named %j', async (name) => {
    const { dataDir } = await folderWith('good.mp3', {});
    await writeFile(path.join(dataDir, 'victim.mp3'), 'alive');
    const library = await openDiskLibrary(dataDir);
    await expect(library.add(name, sampleDraft('hostile'))).rejects.toThrow();
    expect((await readdir(dataDir)).sort()).toEqual(['manifests', 'victim.mp3']);
    expect(await namesIn(dataDir)).toEqual(['good.mp3']);
  });

  it('says that it cannot be written to', async () => {
    const dataDir = await temporaryFolder();
    const library = await openDiskLibrary(dataDir);
    await rm(path.join(dataDir, 'manifests'), { recursive: true });
    await expect(library.assertWritable()).rejects.toThrow('manifests');
  });

  it('leaves nothing of a trial to write', async () => {
    const { dataDir, manifests } = await folderWith('good.mp3', {});
    await (await openDiskLibrary(dataDir)).assertWritable();
    expect(await readdir(manifests)).toEqual(['good.mp3']);
  });
});
