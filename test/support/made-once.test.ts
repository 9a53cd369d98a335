import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from './folders.ts';
import { copyOfFile, folderOf, keyOf } from './made-once.ts';

describe('a key', () => {
  it('is another for other parts, also where they read the same one after the other', () => {
    const keys = [
      keyOf('ab', 'c'),
      keyOf('a', 'bc'),
      keyOf('abc'),
      keyOf('ab', 'd'),
      keyOf(Buffer.from('ab')),
    ];
    expect(new Set(keys).size).toBe(5);
    expect(keyOf('ab', 'c')).toBe(keys[0]);
    expect(keyOf(new Int16Array([1, 2]))).not.toBe(keyOf(new Int16Array([1, 3])));
  });
});

describe('a file', () => {
  it('is made once, and copied from then on', async () => {
    const [folder, own] = [await temporaryFolder(), await temporaryFolder()];
    let made = 0;
    const get = async (name: string) => {
      const target = path.join(own, name);
      await copyOfFile({ folder, key: 'k', target }, () => writeFile(target, `made ${++made}`));
      return readFile(target, 'utf8');
    };
    expect([await get('a'), await get('b')]).toEqual(['made 1', 'made 1']);
    await writeFile(path.join(own, 'b'), 'changed by a test');
    expect(await get('c')).toBe('made 1');
    expect(await readdir(folder)).toEqual(['k']);
  });

  it('is not kept when it cannot be made', async () => {
    const folder = await temporaryFolder();
    const target = path.join(await temporaryFolder(), 'a');
    const failing = copyOfFile({ folder, key: 'k', target }, () => Promise.reject(new Error('no ffmpeg')));
    await expect(failing).rejects.toThrow('no ffmpeg');
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('a folder', () => {
  it('is that of the first of two that make it at the same time, and whole for both', async () => {
    const folder = await temporaryFolder();
    let made = 0;
    const get = () =>
      folderOf({ folder, key: 'k' }, (empty) => writeFile(path.join(empty, 'file'), `made ${++made}`));
    const [one, two] = await Promise.all([get(), get()]);
    expect([one, await get()]).toEqual([two, two]);
    expect(made).toBe(2);
    expect(await readdir(folder)).toEqual(['k']);
    expect(await readFile(path.join(one, 'file'), 'utf8')).toMatch(/^made [12]$/);
  });
});
