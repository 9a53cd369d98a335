/** Stopping and killing the real server in the middle of its work, in every way that people and systems do it. */
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';
import { longMp3, noise, wav } from '../support/audio.ts';
import { getManifest, request, settled, until, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import {
  exitOf,
  processesMentioning,
  projectFolder,
  type ServerProcess,
  start,
  startProcess,
  textOf,
} from '../support/process.ts';
import { DEFAULT_LADDER } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

const NODE = [process.execPath, path.join(projectFolder, 'dist/server.js')] as const;
const NPM = ['npm', 'start'] as const;

async function segmentsOf(dataDir: string, filename: string): Promise<string[]> {
  const names = await readdir(path.join(dataDir, 'segments', filename)).catch(() => []);
  return names.filter((name) => name.endsWith('.m4s')).sort();
}

/** A server in the middle of a track, with one rendition where `env` does not say more. */
async function startMidTrack(
  command: readonly [string, ...string[]],
  dataDir: string,
  env: Record<string, string> = { AUDIO_LADDER: 'aac@128k' },
): Promise<ServerProcess> {
  // However slow the test is, the track is not done before it looks.
  const server = await startProcess(command, { DATA_DIR: dataDir, FFMPEG_PATH: await slowFfmpeg(8), ...env });
  await upload(server.url, { name: 'long.mp3', bytes: await longMp3(1) }, '?wait=false');
  await until(async () => expect((await segmentsOf(dataDir, 'long.mp3')).length).toBeGreaterThan(1));
  return server;
}

async function expectFinishedAfterRestart(dataDir: string): Promise<void> {
  const before = await segmentsOf(dataDir, 'long.mp3');
  const again = await startProcess(NODE, { DATA_DIR: dataDir });
  const track = await settled(again.url, 'long.mp3');
  expect(track).toMatchObject({ status: 'ready', progress: 1 });
  const manifest = await getManifest(again.url, track);
  const all = manifest.representations.flatMap(({ segments }) => segments);
  expect((await segmentsOf(dataDir, 'long.mp3')).length).toBe(all.length);
  expect(before.length).toBeLessThan(all.length);
  // So does whatever else was under way.
  await until(async () => {
    const { body } = await request<TrackView[]>(`${again.url}/files`);
    expect(body.filter(({ status }) => status !== 'ready')).toEqual([]);
  }, 60_000);
  again.child.kill('SIGTERM');
  expect(await again.exited).toBe(0);
  expect(await readdir(path.join(dataDir, 'uploads'))).toEqual([]);
}

describe('a stop in the middle of processing, and the next start finishes the job', () => {
  it.each<[string, readonly [string, ...string[]], (server: ServerProcess) => void]>([
    // A terminal sends Ctrl-C to the whole group: to npm and, once more through npm, to the server.
    ['Ctrl-C under npm start', NPM, ({ child }) => process.kill(-(child.pid as number), 'SIGINT')],
    ['SIGTERM to the pid of npm', NPM, ({ child }) => void child.kill('SIGTERM')],
    ['SIGTERM to node dist/server.js', NODE, ({ child }) => void child.kill('SIGTERM')],
  ])('%s', async (_way, command, stop) => {
    const dataDir = await temporaryFolder();
    const server = await startMidTrack(command, dataDir);
    const other = Buffer.concat([await longMp3(1), Buffer.alloc(1)]);
    const waiting = upload(server.url, { name: 'other.mp3', bytes: other });
    await until(async () => expect((await request<unknown[]>(`${server.url}/files`)).body).toHaveLength(2));

    const begin = Date.now();
    stop(server);
    // Who waits for a track is not cut off: the upload is kept, and says so.
    expect((await waiting).status).toBe(202);
    expect(await server.exited).toBe(0);
    expect(Date.now() - begin).toBeLessThan(10_000);
    await until(async () => expect([...(await processesMentioning(dataDir)).values()]).toEqual([]));
    await expectFinishedAfterRestart(dataDir);
  });

  it('kill -9 leaves no ffmpeg behind and nothing stuck', async () => {
    const dataDir = await temporaryFolder();
    const server = await startMidTrack(NODE, dataDir, DEFAULT_LADDER);
    expect([...(await processesMentioning(dataDir)).values()].join()).toContain('ffmpeg');
    server.child.kill('SIGKILL');
    expect(await server.exited).toBe('SIGKILL');
    await until(async () => expect([...(await processesMentioning(dataDir)).values()]).toEqual([]), 2000);
    await expectFinishedAfterRestart(dataDir);
    const rubbish = (await readdir(dataDir, { recursive: true })).filter((name) => name.includes('.tmp-'));
    expect(rubbish).toEqual([]);
  });
});

it('lets uploads that are under way finish', async () => {
  const dataDir = await temporaryFolder();
  const server = await startProcess(NODE, { DATA_DIR: dataDir });
  const boundary = '--b\r\nContent-Disposition: form-data; name="file"; filename="slow.wav"\r\n\r\n';
  const bytes = wav(noise({ samples: 40_000 }));
  let finish = () => {};
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from(boundary));
      controller.enqueue(bytes.subarray(0, 30_000));
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      controller.enqueue(bytes.subarray(30_000));
      controller.enqueue(Buffer.from('\r\n--b--\r\n'));
      controller.close();
    },
  });
  const answer = request(`${server.url}/upload?wait=false`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    duplex: 'half',
  } as RequestInit);
  await until(async () => expect(await readdir(path.join(dataDir, 'uploads'))).toHaveLength(1));
  server.child.kill('SIGTERM');
  // New connections are refused from now on.
  await until(async () =>
    expect(await request(`${server.url}/healthz`).catch(() => 'refused')).toBe('refused'),
  );
  finish();
  // It is encoded after the next start.
  expect(await answer).toMatchObject({ status: 202 });
  expect(await server.exited).toBe(0);
});

it('a second signal more than a second later ends it at once', async () => {
  const server = await startProcess(NODE, { DATA_DIR: await temporaryFolder() });
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    'POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 99999\r\n\r\n--b\r\n',
  );
  await until(async () => expect((await request(`${server.url}/healthz`)).status).toBe(200));
  const begin = Date.now();
  server.child.kill('SIGTERM');
  server.child.kill('SIGTERM');
  await until(() => expect(Date.now() - begin).toBeGreaterThan(1100));
  expect(server.child.exitCode).toBeNull();
  server.child.kill('SIGTERM');
  expect(await server.exited).toBe(1);
  expect(Date.now() - begin).toBeLessThan(4000);
  socket.destroy();
});

describe('a start that cannot be', () => {
  const refused = async (env: Record<string, string>) => {
    const child = start(NODE, { PORT: '0', DATA_DIR: await temporaryFolder(), ...env });
    const [code, stderr] = await Promise.all([exitOf(child), textOf(child.stderr)]);
    return { code, stderr };
  };

  it('a second server on the same DATA_DIR', async () => {
    const dataDir = await temporaryFolder();
    const first = await startProcess(NODE, { DATA_DIR: dataDir });
    const { code, stderr } = await refused({ DATA_DIR: dataDir });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Another server is using ${dataDir}. Stop it first, or set DATA_DIR to another folder.\n`,
    );
    expect((await request(`${first.url}/readyz`)).status).toBe(200);
    first.child.kill('SIGKILL');
    await first.exited;
    const next = await startProcess(NODE, { DATA_DIR: dataDir });
    await expect
      .poll(async () => (await request(`${next.url}/readyz`)).status, { timeout: 20_000 })
      .toBe(200);
  });

  it('ffmpeg is missing', async () => {
    const { code, stderr } = await refused({ FFMPEG_PATH: '/nowhere/ffmpeg' });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^"\/nowhere\/ffmpeg" does not run \(.*\)\. Install FFmpeg .* or set FFMPEG_PATH .*\n$/,
    );
  });

  it('a setting is wrong', async () => {
    const { code, stderr } = await refused({ PORT: '99999', AUDIO_LADDER: 'mp3@1k' });
    expect(code).toBe(1);
    expect(stderr).toContain('PORT="99999" is not valid: it must be a whole number from 0 to 65535.');
    expect(stderr).toContain('AUDIO_LADDER="mp3@1k"');
  });

  it('the port is taken', async () => {
    const first = await startProcess(NODE, { DATA_DIR: await temporaryFolder() });
    const { port } = new URL(first.url);
    const { code, stderr } = await refused({ PORT: port });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `Port ${port} on 127.0.0.1 is in use. Stop the program that uses it, or set PORT to another port.\n`,
    );
  });
});

it('an empty library leaves no file in DATA_DIR but dot files', async () => {
  const dataDir = await temporaryFolder();
  const server = await startProcess(NODE, { DATA_DIR: dataDir });
  expect((await request(`${server.url}/files`)).body).toEqual([]);
  server.child.kill('SIGTERM');
  expect(await server.exited).toBe(0);
  const entries = await readdir(dataDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && !entry.parentPath.includes('/.'));
  expect(files.filter(({ name }) => !name.startsWith('.'))).toEqual([]);
});
