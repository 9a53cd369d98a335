import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { syncFolder, withFile, writeFileAtomic } from '../../src/disk/write-atomic.ts';
import { temporaryFolder } from '../support/folders.ts';

describe('publishFile', () => {
  it.each([
    ['bytes', Buffer.from([0, 255, 1])],
    ['text', 'Grüße'],
    ['nothing', ''],
  ])('writes %s, and leaves nothing else', async (_what, content) => {
    const folder = await temporaryFolder();
    await writeFileAtomic(path.join(folder, 'file'), content);
    expect(await readFile(path.join(folder, 'file'))).toEqual(Buffer.from(content));
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('takes the place of a longer file', async () => {
    const file = path.join(await temporaryFolder(), 'file');
    await writeFileAtomic(file, 'long'.repeat(100));
    await writeFileAtomic(file, 'short');
    expect(await readFile(file, 'utf8')).toBe('short');
  });

  it('is never seen half done', async () => {
    const file = path.join(await temporaryFolder(), 'file');
    const versions = Array.from({ length: 20 }, (_, n) => String(n % 10).repeat(200_000 + n));
    await writeFileAtomic(file, versions[0] as string);
    let publishing = true;
    const published = (async () => {
      for (const version of versions) await writeFileAtomic(file, version);
    })().finally(() => {
      publishing = false;
    });
    const seen = new Set<string>();
    while (publishing) seen.add(await readFile(file, 'utf8'));
    await published;
    expect([...seen].filter((content) => !versions.includes(content))).toEqual([]);
    expect(seen.size).toBeGreaterThan(1);
  });

  it('lets one of several at once win, whole', async () => {
    const folder = await temporaryFolder();
    const versions = ['a', 'b', 'c'].map((letter) => letter.repeat(100_000));
    await Promise.all(versions.map((version) => writeFileAtomic(path.join(folder, 'file'), version)));
    expect(versions).toContain(await readFile(path.join(folder, 'file'), 'utf8'));
    expect(await readdir(folder)).toEqual(['file']);
  });

  it('leaves nothing when it fails, and the file that is there as it is', async () => {
    const folder = await temporaryFolder();
    await mkdir(path.join(folder, 'taken'));
    await writeFile(path.join(folder, 'taken', 'by'), 'a folder');
    await expect(writeFileAtomic(path.join(folder, 'taken'), 'bytes')).rejects.toThrow();
    expect(await readdir(folder)).toEqual(['taken']);
    expect(await readFile(path.join(folder, 'taken', 'by'), 'utf8')).toBe('a folder');
  });

  it('fails where there is no folder', async () => {
    const file = path.join(await temporaryFolder(), 'missing', 'file');
    await expect(writeFileAtomic(file, 'bytes')).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('syncFolder', () => {
  it('syncs a folder', async () => {
    await expect(syncFolder(await temporaryFolder())).resolves.toBeUndefined();
  });

  it('fails where there is none', async () => {
    const missing = path.join(await temporaryFolder(), 'missing');
    await expect(syncFolder(missing)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('withFile', () => {
  it('gives what was made of the file, and closes it', async () => {
    const file = path.join(await temporaryFolder(), 'file');
    const handle = await withFile(file, 'w', async (open) => {
      expect(open.fd).toBeGreaterThan(0);
      return open;
    });
    expect(handle.fd).toBe(-1);
  });

  it('closes the file when its use fails', async () => {
    const file = path.join(await temporaryFolder(), 'file');
    let descriptor: () => number = () => 0;
    const failing = withFile(file, 'w', async (open) => {
      descriptor = () => open.fd;
      throw new Error('no use');
    });
    await expect(failing).rejects.toThrow('no use');
    expect(descriptor()).toBe(-1);
  });
});
