/** Room on the disk is promised to the segments of a track before the track is taken. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { audioFile, noise, wav } from '../support/audio.ts';
import { upload } from '../support/client.ts';
import { startServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

/** A server that takes its disk to have so much room, whatever is written. */
async function withRoom(bytes: number, env: Record<string, string> = {}) {
  const server = await startServer({ MIN_FREE_BYTES: '0', AUDIO_LADDER: 'aac@256k', ...env });
  server.services.storage.room = async () => ({ bytes, files: 1_000_000 });
  return { server, originals: () => readdir(path.join(server.dataDir, 'uploads')) };
}

it('a small file that is long is refused where its segments do not fit, and nothing of it is kept', async () => {
  const { server, originals } = await withRoom(1_000_000);
  const silence = { sampleRate: 44_100, channels: 1 as const, pcm: new Int16Array(60 * 44_100) };
  const { status, body } = await upload(server.url, await audioFile('silence.flac', silence));
  expect([status, body.code]).toEqual([507, 'storage_full']);
  expect(await originals()).toEqual([]);
  expect(server.services.governor.usage()).toMatchObject({ diskBytes: 0 });
  await server.close();
});

it('room that unfinished tracks will still take is not promised twice', async () => {
  const { server, originals } = await withRoom(1_500_000, { FFMPEG_PATH: await slowFfmpeg(0.1) });
  // 1 MB each, and 0.4 MB of segments.
  const file = (seed: number) => ({ name: 'a.wav', bytes: wav(noise({ samples: 500_000, seed })) });
  const answers: number[] = [];
  for (const seed of [1, 2, 3]) answers.push((await upload(server.url, file(seed), '?wait=false')).status);
  expect(answers).toEqual([202, 202, 507]);
  expect(await originals()).toHaveLength(2);
  await server.close();
});
