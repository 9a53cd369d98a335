/** Servers that start with tracks in their library. Each track is uploaded and encoded once per run, and copied from then on. */
import { cp, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { inject } from 'vitest';
import { noise, wav } from './audio.ts';
import { upload } from './client.ts';
import { temporaryFolder } from './folders.ts';
import { folderOf, keyOf } from './made-once.ts';
import { startServer, type TestServer } from './server.ts';

/** What the tracks hold: mono, of 44.1 kHz. */
const SAMPLES = {
  /** Two seconds: one segment. */
  'short.wav': 90_000,
  /** Twenty seconds: five segments. */
  'song.wav': 900_000,
  'tök & <song>.wav': 400_000,
};
export type PreparedName = keyof typeof SAMPLES;

/** Settings that decide what is stored of a track. */
const OF_TRACKS = ['AUDIO_LADDER', 'SEGMENT_SECONDS', 'KEEP_ORIGINALS'];

/** Samples of a prepared track. */
export const samplesOf = (name: PreparedName): number => SAMPLES[name];

/** Starts a server whose library holds these tracks; everything else is as in `startServer`. */
export async function startServerWith(
  names: readonly PreparedName[],
  env: Record<string, string> = {},
  ...more: Parameters<typeof startServer> extends [unknown?, ...infer More] ? More : never
): Promise<TestServer> {
  const dataDir = await temporaryFolder();
  const settings = Object.fromEntries(Object.entries(env).filter(([name]) => OF_TRACKS.includes(name)));
  for (const name of names) await cp(await prepared(name, settings), dataDir, { recursive: true });
  return startServer({ ...env, DATA_DIR: dataDir }, ...more);
}

/** Resolves with a data folder that holds this track alone. */
function prepared(name: PreparedName, settings: Record<string, string>): Promise<string> {
  const key = `library-${keyOf(name, JSON.stringify(settings))}`;
  return folderOf({ folder: inject('runFolder'), key }, async (empty) => {
    const server = await startServer({ ...settings, DATA_DIR: empty });
    const bytes = wav(noise({ samples: samplesOf(name), seed: name.length }));
    const { status, body } = await upload(server.url, { name, bytes });
    if (status !== 201) throw new Error(`the library of the tests cannot be made: ${body.detail}`);
    await server.close();
    // The lock, and what is written at every start.
    for (const hidden of (await readdir(empty)).filter((entry) => entry.startsWith('.')))
      await rm(path.join(empty, hidden), { recursive: true, force: true });
  });
}
