import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { safeJoin } from '../../src/disk/safe-join.ts';
import { temporaryFolder } from '../support/folders.ts';

const attacks: string[][] = [
  ['..'],
  ['.'],
  [''],
  ['/etc/passwd'],
  ['audio.mp3', '/etc/passwd'],
  ['..\\victim.txt'],
  ['audio.mp3', ''],
  ['../victim.txt'],
  ['../../etc/passwd'],
  ['audio.mp3/../../victim.txt'],
  ['audio.mp3', '..'],
  ['audio.mp3', '..', '..', 'victim.txt'],
  ['audio.mp3', '../../victim.txt'],
  ['..', 'victim.txt'],
  ['./../victim.txt'],
  ['../data-too/victim.txt'],
  ['victim.txt\0.mp3'],
  ['\0'],
];

describe('a path that is made of names', () => {
  it.each([
    [['audio.mp3'], 'audio.mp3'],
    [['audio.mp3', 'aac-128k-3f9a2c1b-00001.m4s'], 'audio.mp3/aac-128k-3f9a2c1b-00001.m4s'],
    [['Grüße.mp3'], 'Grüße.mp3'],
    [['audio..mp3'], 'audio..mp3'],
  ])('of %j is inside the folder, at %s', (names, expected) => {
    const folder = path.resolve('data');
    expect(safeJoin(folder, ...names)).toBe(path.join(folder, expected));
  });

  it.each(attacks.map((names) => [names]))('of %j is refused', (names) => {
    expect(() => safeJoin(path.resolve('data'), ...names)).toThrow('a path outside');
  });

  it.each(attacks.map((names) => [names]))('of %j harms nothing outside the folder', async (names) => {
    const outside = await temporaryFolder();
    for (const folder of ['data', 'data-too']) {
      await mkdir(path.join(outside, folder));
      await writeFile(path.join(outside, folder, 'victim.txt'), 'alive');
    }
    await writeFile(path.join(outside, 'victim.txt'), 'alive');
    const attack = async () => {
      const target = safeJoin(path.join(outside, 'data'), ...names);
      await rm(target, { recursive: true, force: true });
    };
    await expect(attack).rejects.toThrow();
    expect(await readdir(outside)).toEqual(['data', 'data-too', 'victim.txt']);
    for (const victim of ['victim.txt', 'data/victim.txt', 'data-too/victim.txt']) {
      expect(await readFile(path.join(outside, victim), 'utf8')).toBe('alive');
    }
  });
});
