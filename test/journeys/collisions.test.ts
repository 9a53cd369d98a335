/** Things that come at the same moment. */
import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { longMp3, noise, wav } from '../support/audio.ts';
import { getManifest, type Problem, request, until, upload } from '../support/client.ts';
import { startServer } from '../support/server.ts';
import { failingFfmpeg, haltingFfmpeg } from '../support/slow-ffmpeg.ts';

describe('a retry and a delete at the same moment', () => {
  it('end, whichever is first, and leave nothing', async () => {
    const { executable, failures } = await failingFfmpeg();
    const server = await startServer({ FFMPEG_PATH: executable, SANDBOX: 'off' });
    for (let round = 0; round < 10; round++) {
      await writeFile(failures, 'one\ntwo\n');
      const { status } = await upload(server.url, {
        name: 'bad.wav',
        bytes: wav(noise({ samples: 4000, seed: round + 1 })),
      });
      expect(status).toBe(422);
      // Without its original the retry fails at once.
      const [original = ''] = await readdir(path.join(server.dataDir, 'uploads'));
      await rm(path.join(server.dataDir, 'uploads', original));
      const file = `${server.url}/files/bad.wav`;
      const [retried, deleted] = await Promise.all([
        request(`${file}/retry`, { method: 'POST' }),
        request(file, { method: 'DELETE' }),
      ]);
      expect([202, 404]).toContain(retried.status);
      expect([204, 404]).toContain(deleted.status);
      expect((await request(file)).status).toBe(404);
    }
    await server.close();
  });

  it('a retry of what is being processed is refused at once', async () => {
    const server = await startServer();
    await upload(server.url, { name: 'long.mp3', bytes: await longMp3(3) }, '?wait=false');
    const { status, body } = await request<Problem>(`${server.url}/files/long.mp3/retry`, { method: 'POST' });
    expect([status, body.code]).toEqual([409, 'not_failed']);
    await server.close();
  });
});

it('a delete right after far seeks leaves nothing on disk', async () => {
  const server = await startServer({ CONCURRENCY: '1' });
  const { body } = await upload(server.url, { name: 'long.mp3', bytes: await longMp3(10) }, '');
  const { segments } = await getManifest(server.url, body);
  const seeks = [100, 40, 120].map((index) =>
    fetch(segments[index]?.url ?? '').then((answer) => answer.arrayBuffer()),
  );
  await seeks[0];
  expect((await request(`${server.url}/files/long.mp3`, { method: 'DELETE' })).status).toBe(204);
  await Promise.allSettled(seeks);
  const left = await readdir(server.dataDir, { recursive: true });
  expect(left.filter((name) => name.includes('long') || name.includes('.upload'))).toEqual([]);
  await server.close();
});

it('a request that is held as the server stops is told to come again', async () => {
  const server = await startServer({ FFMPEG_PATH: await haltingFfmpeg(100_000), CONCURRENCY: '1' });
  const { body } = await upload(
    server.url,
    { name: 'slow.wav', bytes: wav(noise({ samples: 40 * 44_100 })) },
    '',
  );
  const { segments } = await getManifest(server.url, body);
  const held = request<Problem>(segments[3]?.url ?? '');
  await until(async () => expect((await request(`${server.url}/healthz`)).status).toBe(200));
  const [answer] = await Promise.all([held, server.close()]);
  expect([answer.status, answer.body.code]).toEqual([503, 'shutting_down']);
});
