/** Scratch space: what makes way for what, and local copies that are fetched once. */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { createDeferred, unlessAborted } from '../../src/concurrency/deferred.ts';
import { createLocalCopies, type Fetch } from '../../src/storage/local-copies.ts';
import { openScratch } from '../../src/storage/scratch.ts';
import { temporaryFolder } from '../support/folders.ts';

const FILE_BYTES = 100;

async function open(limitBytes = 3 * FILE_BYTES) {
  const folder = path.join(await temporaryFolder(), 'scratch');
  const scratch = await openScratch({ folder, limitBytes });
  const copies = createLocalCopies(scratch);
  const fetched: string[] = [];
  const fetching =
    (name: string): Fetch =>
    async (to) => {
      fetched.push(name);
      await writeFile(to.path, name.padEnd(FILE_BYTES));
      to.grew(FILE_BYTES);
    };
  const use = (name: string, use: (file: string) => Promise<unknown> = stat) =>
    copies.using(name, fetching(name), use);
  /** Uses a copy until the function that is returned is called. */
  const hold = async (name: string) => {
    const [begun, ended] = [createDeferred<void>(), createDeferred<void>()];
    const used = use(name, async () => {
      begun.resolve();
      await ended.promise;
    });
    await begun.promise;
    return async () => {
      ended.resolve();
      await used;
    };
  };
  const count = async () => (await readdir(folder)).length;
  return { folder, scratch, copies, fetched, use, hold, count };
}

describe('local copies', () => {
  it('are fetched once, however many need them at the same time and later', async () => {
    const { use, fetched } = await open();
    await Promise.all([use('a'), use('a'), use('a')]);
    await use('a');
    expect(fetched).toEqual(['a']);
  });

  it('make way for others, the least recently used first', async () => {
    const { use, fetched, count } = await open();
    for (const name of ['a', 'b', 'c', 'a', 'd']) await use(name);
    await vi.waitFor(async () => expect(await count()).toBe(3));
    for (const name of ['a', 'c', 'd']) await use(name);
    expect(fetched).toEqual(['a', 'b', 'c', 'd']);
    await use('b');
    expect(fetched).toEqual(['a', 'b', 'c', 'd', 'b']);
  });

  it('stay while they are used, also where that is over the limit', async () => {
    const { use, hold, fetched, scratch, count } = await open();
    const ends = [await hold('a'), await hold('b'), await hold('c'), await hold('d')];
    await use('e');
    await vi.waitFor(async () => expect(await count()).toBe(4));
    expect((await scratch.room()).bytes).toBe(0);
    for (const end of ends) await end();
    await vi.waitFor(async () => expect(await count()).toBe(3));
    for (const name of ['b', 'c', 'd']) await use(name);
    expect(fetched).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('leave the room to what is in use', async () => {
    const { use, hold, scratch } = await open();
    await use('a');
    expect((await scratch.room()).bytes).toBe(3 * FILE_BYTES);
    const end = await hold('a');
    expect((await scratch.room()).bytes).toBe(2 * FILE_BYTES);
    await end();
  });

  it('that cannot be fetched leave nothing, and are tried again', async () => {
    const { copies, use, count } = await open();
    const refused: Fetch = async (to) => {
      await writeFile(to.path, 'half');
      throw new Error('refused');
    };
    const uses = [1, 2].map(() => copies.using('a', refused, stat));
    for (const each of uses) await expect(each).rejects.toThrow('refused');
    expect(await count()).toBe(0);
    await use('a');
  });

  it('that a careless hand removes are fetched again', async () => {
    const { folder, use, fetched } = await open();
    await use('a');
    for (const name of await readdir(folder)) await rm(path.join(folder, name));
    await use('a');
    expect(fetched).toEqual(['a', 'a']);
  });

  it('are gone once they are removed, and fetched anew', async () => {
    const { copies, use, fetched, count } = await open();
    await use('a');
    await copies.remove('a');
    await copies.remove('never');
    expect(await count()).toBe(0);
    await use('a');
    expect(fetched).toEqual(['a', 'a']);
  });

  it('end their fetch when the last one who waits for them has gone, and only then', async () => {
    const { copies, use, count } = await open();
    let ended: unknown;
    const begun = createDeferred<void>();
    const never: Fetch = async (to, { signal }) => {
      await writeFile(to.path, 'half');
      begun.resolve();
      await unlessAborted(new Promise(() => {}), signal);
    };
    const watched: Fetch = (to, options) =>
      never(to, options).catch((error: unknown) => {
        ended = error;
        throw error;
      });
    const clients = [new AbortController(), new AbortController()] as const;
    const uses = clients.map(({ signal }) => copies.using('a', watched, stat, { signal }));
    await begun.promise;
    const reasons = [new Error('the first has gone'), new Error('the second has gone')] as const;
    clients[0].abort(reasons[0]);
    await expect(uses[0]).rejects.toBe(reasons[0]);
    expect(ended).toBeUndefined();
    clients[1].abort(reasons[1]);
    await expect(uses[1]).rejects.toBe(reasons[1]);
    await use('a');
    expect(ended).toBe(reasons[1]);
    await vi.waitFor(async () => expect(await count()).toBe(1));
  });
});

describe('scratch space', () => {
  it('is private, and empty at the start', async () => {
    const folder = path.join(await temporaryFolder(), 'scratch');
    await mkdir(path.join(folder, 'left'), { recursive: true });
    await openScratch({ folder, limitBytes: 1000 });
    expect(await readdir(folder)).toEqual([]);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  it('counts what is being made, and what a tool writes by its size', async () => {
    const { scratch } = await open();
    const [counted, written] = [scratch.file(), scratch.file({ isWrittenByTool: true })];
    counted.grew(50);
    await writeFile(written.path, 'x'.repeat(70));
    expect((await scratch.room()).bytes).toBe(180);
    await written.remove();
    await counted.remove();
    expect((await scratch.room()).bytes).toBe(300);
  });

  it('takes no more than a part of the disk, whatever its limit', async () => {
    const { scratch } = await open(Number.MAX_SAFE_INTEGER);
    const { bytes, files } = await scratch.room();
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThan(Number.MAX_SAFE_INTEGER);
    expect(files).toBeGreaterThan(0);
  });

  it('can be written to, and says so where it cannot', async () => {
    const { folder, scratch, count } = await open();
    await scratch.assertWritable();
    expect(await count()).toBe(0);
    await rm(folder, { recursive: true });
    await expect(scratch.assertWritable()).rejects.toThrow('ENOENT');
  });
});
