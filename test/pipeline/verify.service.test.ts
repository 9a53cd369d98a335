import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { editCover } from '../../src/facts/change-cover.ts';
import { COVER_SIZES, coverFileName } from '../../src/facts/cover-files.ts';
import { verifyLibrary } from '../../src/pipeline/verify.ts';
import type { Cover } from '../../src/tracks/facts.ts';
import { startServerWith } from '../support/prepared.ts';
import { exitOf, start, textOf } from '../support/process.ts';

it('finds nothing wrong with a library that is whole, and every damage to one that is not', async () => {
  // From disk, whatever is in memory.
  const server = await startServerWith(['song.wav'], { SEGMENT_CACHE_BYTES: '0' });
  const problems = async () => {
    const found: string[] = [];
    for await (const { filename, problem } of verifyLibrary(server.services)) {
      expect(filename).toBe('song.wav');
      found.push(problem);
    }
    return found;
  };
  const files = new Map(COVER_SIZES.map((size) => [size, Buffer.from('JPEG')]));
  const { cover, home } = await editCover('song.wav', { files, accept: () => {} }, server.services);
  expect(await problems()).toEqual([]);
  const missing = coverFileName(cover as Cover, 320);
  await server.services.storage.removeSidecar(home, missing);
  expect(await problems()).toEqual([`its cover ${missing} is missing`]);
  await server.services.storage.putSidecar(home, missing, Buffer.from('JPEG'));

  const folder = path.join(server.dataDir, 'segments', 'song.wav');
  const [init, first, second] = (await readdir(folder)).sort(
    (a, b) => Number(/init/.test(b)) - Number(/init/.test(a)) || a.localeCompare(b),
  ) as [string, string, string];
  await truncate(path.join(folder, first), 1000);
  await rm(path.join(folder, second));
  await writeFile(path.join(folder, 'stranger.m4s'), 'x');
  expect(init).toMatch(/init\.mp4$/);
  expect(await problems()).toEqual([
    `${first} is cut short`,
    `${second} is missing`,
    'stranger.m4s is none of its segments',
  ]);
  await server.close();

  const verify = start(['npm', 'run', '-s', 'verify'], { DATA_DIR: server.dataDir });
  const [text, code] = await Promise.all([textOf(verify.stdout), exitOf(verify)]);
  expect(text).toContain(`"song.wav": ${second} is missing\n`);
  expect(text).toContain('1 tracks checked, 3 problems found.');
  expect(code).toBe(1);
});
