/**
 * Allows one server per data folder. The lock is a Unix socket that the server listens on. The kernel closes it when the process
 * ends, so a kill leaves no lock behind: the name stays, but no process answers there.
 */
import { createHash, randomUUID } from 'node:crypto';
import { realpath, rename, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { platform, tmpdir } from 'node:os';
import path from 'node:path';
import { hasCode, StartupError } from '../errors.ts';

/** The path of a Unix socket has room for 108 bytes on Linux, 104 on macOS. */
const MAX_SOCKET_PATH_BYTES = 100;

export interface Lock {
  release(): Promise<void>;
}

/**
 * Locks a data folder.
 *
 * @throws {StartupError} when another server holds it.
 */
export async function lockDataDir(dataDir: string): Promise<Lock> {
  const name = await socketPath(dataDir);
  const server = (await tryListen(name)) ?? (await takeOver(name, dataDir));
  server.unref();
  // Node removes the name when it closes the socket.
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}

/** Resolves with true while a server holds the lock of a data folder. Leaves nothing behind. */
export async function isLocked(dataDir: string): Promise<boolean> {
  return somebodyAnswers(await socketPath(dataDir));
}

/** Takes over a name that exists, unless a server listens there. */
async function takeOver(name: string, dataDir: string): Promise<Server> {
  const inUse = () =>
    new StartupError(`Another server is using ${dataDir}. Stop it first, or set DATA_DIR to another folder.`);
  if (await somebodyAnswers(name)) throw inUse();
  // Moved away first: a server that has taken the name meanwhile gets it back.
  const aside = `${name}.${randomUUID().slice(0, 8)}`;
  await rename(name, aside).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
  });
  if (await somebodyAnswers(aside)) {
    await rename(aside, name);
    throw inUse();
  }
  await rm(aside, { force: true });
  const server = await tryListen(name);
  if (!server) throw inUse();
  return server;
}

async function socketPath(dataDir: string): Promise<string> {
  const folder = await realpath(dataDir);
  const inside = path.join(folder, '.lock');
  const short = `audio-streaming-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`;
  if (platform() === 'win32') return path.join('\\\\.\\pipe', short);
  return Buffer.byteLength(inside) + 9 <= MAX_SOCKET_PATH_BYTES
    ? inside
    : path.join(tmpdir(), `${short}.lock`);
}

function tryListen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(error);
    });
    server.listen(name, () => resolve(server));
  });
}

function somebodyAnswers(name: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(name);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
