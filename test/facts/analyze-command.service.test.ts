/** `npm run analyze`, on a running server. */
import { expect, it } from 'vitest';
import { noise, wav } from '../support/audio.ts';
import { getTrack, request, until, upload } from '../support/client.ts';
import { exitOf, start, textOf } from '../support/process.ts';
import { startServer } from '../support/server.ts';

it('analyses tracks of older versions, all, or those that have failed, and says so', async () => {
  const server = await startServer({ ANALYSIS: 'true' });
  const { library } = server.services;
  for (const [seed, name] of ['one.wav', 'two.wav', 'three.wav'].entries()) {
    await upload(server.url, { name, bytes: wav(noise({ samples: 44_100, seed: 30 + seed })) });
  }
  await until(async () => expect((await getTrack(server.url, 'three.wav')).analysis).toBe('done'));
  await library.update('one.wav', (track) => ({ ...track, analysis: null }));
  await library.update('two.wav', (track) => ({
    ...track,
    analysis: { status: 'failed', from: null, loudness: null },
  }));
  const analyze = async (...args: string[]) => {
    const env = { HOST: '127.0.0.1', PORT: new URL(server.url).port };
    const child = start(['node', 'scripts/analyze.mjs', ...args], env);
    const [text] = await Promise.all([textOf(child.stdout), exitOf(child)]);
    return text.trim().split('\n');
  };
  expect(await analyze()).toEqual(['1 tracks are to be analysed.', '1 tracks are analysed.']);
  expect((await getTrack(server.url, 'one.wav')).analysis).toBe('done');
  expect((await getTrack(server.url, 'two.wav')).analysis).toBe('failed');
  expect((await analyze('--failed')).at(-1)).toBe('1 tracks are analysed.');
  expect((await analyze('--all')).at(-1)).toBe('3 tracks are analysed.');
  expect((await request(`${server.url}/files/none/analyze`, { method: 'POST' })).status).toBe(404);
});
