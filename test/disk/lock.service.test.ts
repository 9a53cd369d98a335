import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdir, readdir, symlink } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Lock, lockDataDir } from '../../src/disk/lock.ts';
import { StartupError } from '../../src/errors.ts';
import { temporaryFolder } from '../support/folders.ts';

async function lock(folder: string): Promise<Lock> {
  const held = await lockDataDir(folder);
  onTestFinished(() => held.release());
  return held;
}

/** Where the lock of a folder is, as one that is taken shows. */
async function lockFile(folder: string): Promise<string> {
  const held = await lockDataDir(folder);
  const [name = ''] = await readdir(folder);
  await held.release();
  return path.join(folder, name);
}

/** Another process that listens on the sockets, as a server does that holds these locks. */
async function anotherServer(...sockets: string[]): Promise<ChildProcess> {
  const code = `const [, ...names] = process.argv; let up = 0;
    for (const name of names) require('node:net').createServer((socket) => socket.destroy())
      .listen(name, () => { if (++up === names.length) console.log('listening'); });`;
  const child = spawn(process.execPath, ['-e', code, ...sockets], { stdio: ['ignore', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** How many of two that try at once get the lock, the second so many turns of the event loop after the first. */
async function winnersOf(folder: string, turnsLater: number): Promise<number> {
  const second = async () => {
    for (let turn = 0; turn < turnsLater; turn++) await new Promise((resolve) => setImmediate(resolve));
    return lock(folder);
  };
  const outcomes = await Promise.allSettled([lock(folder), second()]);
  // Who does not get it is told why.
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(StartupError);
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

describe('the lock of a data folder', () => {
  it('is refused to a second server, with the name of the folder', async () => {
    const folder = await temporaryFolder();
    await lock(folder);
    const second = lockDataDir(folder);
    await expect(second).rejects.toBeInstanceOf(StartupError);
    await expect(second).rejects.toThrow(folder);
  });

  it('is refused while a server in another process holds it', async () => {
    const folder = await temporaryFolder();
    await anotherServer(await lockFile(folder));
    await expect(lockDataDir(folder)).rejects.toBeInstanceOf(StartupError);
    await expect(lockDataDir(folder)).rejects.toThrow(folder);
  });

  it('stays with its holder however often others ask', async () => {
    const folder = await temporaryFolder();
    const held = await lockDataDir(folder);
    for (let n = 0; n < 5; n++) await expect(lockDataDir(folder)).rejects.toThrow('Another server');
    await held.release();
    await lock(folder);
  });

  it('can be taken once it is released, again and again', async () => {
    const folder = await temporaryFolder();
    for (let n = 0; n < 3; n++) await (await lockDataDir(folder)).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('is taken over from a server that was killed', async () => {
    const folder = await temporaryFolder();
    const file = await lockFile(folder);
    await kill(await anotherServer(file));
    expect((await lstat(file)).isSocket()).toBe(true);
    await lock(folder);
    await expect(lockDataDir(folder)).rejects.toBeInstanceOf(StartupError);
    expect(await readdir(folder)).toEqual([path.basename(file)]);
  });

  it('is one for each folder', async () => {
    await lock(await temporaryFolder());
    await expect(lock(await temporaryFolder())).resolves.toBeDefined();
  });

  it.each([
    ['short', 'data'],
    ['longer than that of any socket', path.join('long'.repeat(40), 'longer'.repeat(30))],
  ])('is the same by whatever path the folder is named, where its own is %s', async (_what, name) => {
    const parent = await temporaryFolder();
    const folder = path.join(parent, name);
    await mkdir(folder, { recursive: true });
    await symlink(folder, path.join(parent, 'link'));
    const held = await lockDataDir(folder);
    await expect(lockDataDir(folder)).rejects.toThrow(folder);
    await expect(lockDataDir(path.join(parent, 'link'))).rejects.toBeInstanceOf(StartupError);
    await held.release();
    await lock(path.join(parent, 'link'));
  });

  it('goes to exactly one of two that try at once', async () => {
    for (let turns = 0; turns < 20; turns++) {
      expect(await winnersOf(await temporaryFolder(), turns)).toBe(1);
    }
  });

  it('goes to exactly one of two that try at once to take it over', async () => {
    const folders = await Promise.all(Array.from({ length: 20 }, temporaryFolder));
    const files = await Promise.all(folders.map(lockFile));
    await kill(await anotherServer(...files));
    for (const [turns, folder] of folders.entries()) expect(await winnersOf(folder, turns)).toBe(1);
  });
});
