import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createBulkReader, readPublished } from '../../src/disk/read.ts';
import { temporaryFolder } from '../support/folders.ts';

async function manyFiles(): Promise<string[]> {
  const folder = await temporaryFolder();
  const files = Array.from({ length: 600 }, (_, n) => path.join(folder, `${n}`));
  await Promise.all(files.map((file, n) => writeFile(file, `${n}`.repeat(n))));
  return files;
}

describe('many small files', () => {
  it.each([
    ['from the memory of the system', 0],
    ['by other threads', Number.POSITIVE_INFINITY],
  ])('are read whole, %s', async (_how, fewest) => {
    const files = await manyFiles();
    const read = createBulkReader({ fewest });
    const texts = await Promise.all(files.map(async (file) => (await read(file)).toString()));
    expect(texts).toEqual(files.map((_, n) => `${n}`.repeat(n)));
  });

  it('let others have their turn in between', async () => {
    const files = await manyFiles();
    const read = createBulkReader({ fewest: 0 });
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    // Far more than is read in one slice.
    for (let round = 0; round < 10; round++) await Promise.all(files.map(read));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(1);
  });
});

it.each([
  ['one at a time', readPublished],
  ['in bulk', createBulkReader()],
])('tells what is missing, and what is none: %s', async (_how, read) => {
  const folder = await temporaryFolder();
  await mkdir(path.join(folder, 'folder'));
  await expect(read(path.join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(read(path.join(folder, 'folder'))).rejects.toMatchObject({ code: 'EISDIR' });
});
