import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { receiveInto } from '../../src/pipeline/receive.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import { storageContract } from '../contracts/storage.ts';
import { temporaryFolder } from '../support/folders.ts';

const SEGMENT = 'aac-128k-3f9a2c1b-00001.m4s';
const UPLOAD = '00000000-0000-4000-8000-000000000000.upload';

describe('a storage on disk', () => {
  storageContract(async () => {
    const folder = await temporaryFolder();
    return {
      storage: await openDiskStorage(folder),
      reopen: () => openDiskStorage(folder),
      openHome: (home) => mkdir(path.join(folder, 'manifests', home), { recursive: true }),
    };
  });

  it('makes its folders', async () => {
    const dataDir = path.join(await temporaryFolder(), 'data');
    await openDiskStorage(dataDir);
    expect((await readdir(dataDir)).sort()).toEqual(['segments', 'uploads']);
  });

  it('keeps segments where other servers can serve them', async () => {
    const dataDir = await temporaryFolder();
    const storage = await openDiskStorage(dataDir);
    await storage.putSegment('audio.mp3', SEGMENT, Buffer.from('one'));
    expect(await readFile(path.join(dataDir, 'segments', 'audio.mp3', SEGMENT), 'utf8')).toBe('one');
    expect(await readdir(path.join(dataDir, 'segments', 'audio.mp3'))).toEqual([SEGMENT]);
  });

  it('keeps originals and their copies to itself', async () => {
    const dataDir = path.join(await temporaryFolder(), 'data');
    const storage = await openDiskStorage(dataDir);
    async function* bytes() {
      yield Buffer.from('audio');
    }
    const { upload } = await receiveInto(await storage.beginUpload(), bytes());
    const copied = await storage.makeSeekableCopy(upload, (file) => writeFile(file, 'copy'));
    expect(copied).toBe(undefined);
    const modeOf = async (...names: string[]) => (await stat(path.join(dataDir, ...names))).mode & 0o777;
    expect(await modeOf('uploads')).toBe(0o700);
    expect(await modeOf('uploads', upload)).toBe(0o600);
    expect(await modeOf('uploads', `${upload}.flac`)).toBe(0o600);
    expect(await modeOf('segments')).toBe(0o777 & ~process.umask());
    expect(await modeOf()).toBe(0o777 & ~process.umask());
  });

  it('sweeps what a crash left half-written as it opens, and nothing else', async () => {
    const dataDir = await temporaryFolder();
    const segments = path.join(dataDir, 'segments');
    const uploads = path.join(dataDir, 'uploads');
    await mkdir(path.join(segments, 'audio.mp3'), { recursive: true });
    await mkdir(uploads);
    for (const folder of [segments, uploads]) {
      await writeFile(path.join(folder, '.tmp-0b1c'), 'half');
      await writeFile(path.join(folder, '.gitkeep'), '');
    }
    await writeFile(path.join(segments, 'audio.mp3', SEGMENT), 'one');
    await writeFile(path.join(uploads, UPLOAD), 'audio');
    const storage = await openDiskStorage(dataDir);
    expect((await readdir(segments)).sort()).toEqual(['.gitkeep', 'audio.mp3']);
    expect(await readdir(path.join(segments, 'audio.mp3'))).toEqual([SEGMENT]);
    expect((await readdir(uploads)).sort()).toEqual(['.gitkeep', UPLOAD]);
    expect((await storage.listUploads()).map(({ upload }) => upload)).toEqual([UPLOAD]);
  });

  it('leaves no file of a stream that fails', async () => {
    const dataDir = await temporaryFolder();
    const storage = await openDiskStorage(dataDir);
    async function* failing() {
      yield Buffer.from('half');
      throw new Error('the client went away');
    }
    await expect(receiveInto(await storage.beginUpload(), failing())).rejects.toThrow('the client went away');
    expect(await readdir(path.join(dataDir, 'uploads'))).toEqual([]);
  });

  it('leaves no file of a segment that could not be put', async () => {
    const dataDir = await temporaryFolder();
    const storage = await openDiskStorage(dataDir);
    const folder = path.join(dataDir, 'segments', 'audio.mp3');
    await mkdir(path.join(folder, SEGMENT, 'in-the-way'), { recursive: true });
    await expect(storage.putSegment('audio.mp3', SEGMENT, Buffer.from('one'))).rejects.toThrow();
    expect(await readdir(folder)).toEqual([SEGMENT]);
  });

  it.each(['../victim', '../../victim', '..', '/victim', 'x/../../victim'])(
    'does not touch a file beside its folders: %s',
    async (name) => {
      const dataDir = await temporaryFolder();
      const storage = await openDiskStorage(dataDir);
      await writeFile(path.join(dataDir, 'victim'), 'alive');
      const attempts = [
        async () => storage.putSegment('audio.mp3', `../${name}`, Buffer.from('dead')),
        async () => storage.putSegment(name, 'victim', Buffer.from('dead')),
        async () => storage.removeSegment('audio.mp3', `../${name}`),
        async () => storage.removeHome(name),
        async () => storage.removeUpload(name),
      ];
      await Promise.allSettled(attempts.map((attempt) => attempt()));
      expect(await readFile(path.join(dataDir, 'victim'), 'utf8')).toBe('alive');
      expect((await readdir(dataDir)).sort()).toEqual(['segments', 'uploads', 'victim']);
    },
  );

  it.each(['uploads', 'segments'])('says that it cannot be written to without its %s', async (folder) => {
    const dataDir = await temporaryFolder();
    const storage = await openDiskStorage(dataDir);
    await rm(path.join(dataDir, folder), { recursive: true });
    await expect(storage.assertWritable()).rejects.toThrow(folder);
  });
});
