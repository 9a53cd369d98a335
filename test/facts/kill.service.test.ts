/** A server that is killed while it analyses a track. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { longMp3 } from '../support/audio.ts';
import { getTrack, until, upload } from '../support/client.ts';
import { temporaryFolder } from '../support/folders.ts';
import { listen } from '../support/listening.ts';
import { exitOf, processesMentioning, projectFolder, startProcess } from '../support/process.ts';

const SERVER = [process.execPath, path.join(projectFolder, 'dist/server.js')] as const;

it('leaves no process, and the next start analyses it', async () => {
  const dataDir = await temporaryFolder();
  const settings = { DATA_DIR: dataDir, AUDIO_LADDER: 'aac@128k', ANALYSIS: 'true' };
  const server = await startProcess(SERVER, settings);
  const { events } = await listen(`${server.url}/events`);
  await upload(server.url, { name: 'long.mp3', bytes: await longMp3(4) });
  await until(() => expect(events.some(({ event }) => event === 'waveform')).toBe(true));
  server.child.kill('SIGKILL');
  await exitOf(server.child);
  await until(async () => expect(await processesMentioning(dataDir)).toEqual(new Map()));
  expect(await readdir(path.join(dataDir, 'uploads'))).toHaveLength(1);
  const stored = await readdir(path.join(dataDir, 'manifests', 'long.mp3'));
  expect(stored.filter((name) => name.startsWith('waveform'))).toEqual([]);

  const next = await startProcess(SERVER, settings);
  await until(async () => expect((await getTrack(next.url, 'long.mp3')).analysis).toBe('done'));
  await until(async () => expect(await readdir(path.join(dataDir, 'uploads'))).toEqual([]));
  const waveform = await fetch(`${next.url}/files/long.mp3/waveform.dat?pixels_per_second=5`);
  expect((await waveform.arrayBuffer()).byteLength).toBeGreaterThan(2 * 5 * 230);
});
