/** The janitor removes files without a track, and no others. */
import { mkdir, readdir, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pino } from 'pino';
import { beforeEach, expect, it } from 'vitest';
import { openDiskLibrary } from '../../src/library/disk.ts';
import { sweep } from '../../src/pipeline/janitor.ts';
import { receiveInto } from '../../src/pipeline/receive.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { temporaryFolder } from '../support/folders.ts';
import { sampleDraft } from '../support/sample-track.ts';

const SEGMENT = 'aac-128k-3f9a2c1b-00001.m4s';
const HOUR_MS = 3_600_000;
const log = pino({ level: 'silent' });

let dataDir: string;
let storage: Storage;
beforeEach(async () => {
  dataDir = await temporaryFolder();
  storage = await openDiskStorage(dataDir);
});

async function storeUpload(): Promise<string> {
  const stream = async function* () {
    yield Buffer.from('audio');
  };
  const { upload, durable } = await receiveInto(await storage.beginUpload(), stream());
  await durable;
  return upload;
}

const copy = (upload: string) => storage.makeSeekableCopy(upload, (file) => writeFile(file, 'copy'));

async function sweepOf(ageMs: number) {
  const library = await openDiskLibrary(dataDir);
  await sweep({ library, storage, log }, { ageMs });
}

async function stored() {
  const [uploads, homes] = await Promise.all([readdir(path.join(dataDir, 'uploads')), storage.listHomes()]);
  return [...uploads.sort(), ...homes.map(({ home }) => home).sort()];
}

async function addTrack(upload: string, hasSeekableCopy = false): Promise<string> {
  const library = await openDiskLibrary(dataDir);
  const { track } = await library.add('song.mp3', sampleDraft(upload, { upload, hasSeekableCopy }));
  await storage.putSegment(track.home, SEGMENT, Buffer.from('one'));
  return track.home;
}

it('removes uploads and segments without a track, and keeps those of tracks', async () => {
  const [owned, orphan] = [await storeUpload(), await storeUpload()];
  const home = await addTrack(owned);
  await copy(orphan);
  await storage.putSegment('gone.mp3', SEGMENT, Buffer.from('one'));
  await sweepOf(0);
  expect(await stored()).toEqual([owned, home]);
});

it('removes a copy that its track does not use, and keeps one that it uses', async () => {
  const [used, unused] = [await storeUpload(), await storeUpload()];
  await copy(used);
  await copy(unused);
  await addTrack(used, true);
  await addTrack(unused);
  await sweepOf(0);
  expect(await readdir(path.join(dataDir, 'uploads'))).toEqual(
    [used, `${used}.flac`, unused].sort((one, other) => (one < other ? -1 : 1)),
  );
});

it('keeps files that changed lately, for their track may not be added yet', async () => {
  const [old, young] = [await storeUpload(), await storeUpload()];
  await storage.putSegment('old.mp3', SEGMENT, Buffer.from('one'));
  await storage.putSegment('young.mp3', SEGMENT, Buffer.from('one'));
  const before = (Date.now() - 2 * HOUR_MS) / 1000;
  await utimes(path.join(dataDir, 'uploads', old), before, before);
  await utimes(path.join(dataDir, 'segments', 'old.mp3'), before, before);
  await sweepOf(HOUR_MS);
  expect(await stored()).toEqual([young, 'young.mp3']);
});

it('keeps every original while a record cannot be read, and the segments of that record', async () => {
  const upload = await storeUpload();
  await mkdir(path.join(dataDir, 'manifests', 'bad.mp3'), { recursive: true });
  await writeFile(path.join(dataDir, 'manifests', 'bad.mp3', 'track.json'), '{');
  await storage.putSegment('bad.mp3', SEGMENT, Buffer.from('one'));
  await storage.putSegment('gone.mp3', SEGMENT, Buffer.from('one'));
  await sweepOf(0);
  expect(await stored()).toEqual([upload, 'bad.mp3']);
});
