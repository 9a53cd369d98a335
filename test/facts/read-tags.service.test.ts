/** Reads the tags of a track whose record is older than tags. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { readTags } from '../../src/facts/read-tags.ts';
import type { Track } from '../../src/tracks/track.ts';
import { audioFile, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { chapterFrame, id3v2, textFrame } from '../support/id3-tags.ts';
import { sampleTrack } from '../support/sample-track.ts';

let folder: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  const mp3 = await readFile(await audioFile('a.mp3', noise({ samples: 5000 }), ['-id3v2_version', '0']));
  const tag = id3v2(4, [
    ['TIT2', textFrame('of the file', 'utf8')],
    ['TPE1', textFrame('Björk', 'utf8')],
    ['CHAP', chapterFrame('a', 0, 20_000, 'One')],
  ]);
  await writeFile(path.join(folder, 'tagged'), Buffer.concat([tag, mp3]));
});

/** Reads the tags of a track. Resolves with its record. @param stored what the library has by then. */
async function read(track: Track, { stored = track, signal = new AbortController().signal } = {}) {
  let record = stored;
  const library = {
    async update(_filename: string, change: (track: Track) => Track) {
      record = change(record);
      return record;
    },
  };
  const storage = {
    usingUpload: async (upload: string, use: (file: string) => unknown) => use(path.join(folder, upload)),
  };
  const context = { library, storage, tools: { ffprobe: 'ffprobe' }, signal };
  await readTags(track, context as unknown as Parameters<typeof readTags>[1]);
  return record;
}

it('puts tags and chapters into the record, and leaves alone what was edited', async () => {
  const track = sampleTrack({ upload: 'tagged', edited: ['title'], tags: { title: 'edited' } });
  expect(await read(track)).toEqual({
    ...track,
    areTagsRead: true,
    tags: { title: 'edited', artist: 'Björk' },
    // The track has 10 seconds.
    chapters: [{ startSeconds: 0, endSeconds: 10, title: 'One' }],
  });
});

it('does nothing for a track without its original, or whose tags were read', async () => {
  for (const track of [sampleTrack(), sampleTrack({ upload: 'none', areTagsRead: true })]) {
    expect(await read(track)).toBe(track);
  }
});

it('gives nothing to another upload that has got the name meanwhile', async () => {
  const stored = sampleTrack({ home: 'another' });
  expect(await read(sampleTrack({ upload: 'tagged' }), { stored })).toBe(stored);
});

it('changes nothing when it is ended', async () => {
  const signal = AbortSignal.abort(new Error('stopping'));
  await expect(read(sampleTrack({ upload: 'tagged' }), { signal })).rejects.toThrow('stopping');
});
