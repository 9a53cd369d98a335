/** `/events`, read as a browser does. */
import { beforeAll, describe, expect, it } from 'vitest';
import { longMp3, noise, wav } from '../../support/audio.ts';
import { request, until, upload } from '../../support/client.ts';
import { listen } from '../../support/listening.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startServer();
  for (const [seed, name] of ['one.wav', 'two.wav'].entries()) {
    await upload(server.url, { name, bytes: wav(noise({ samples: 5000, seed: seed + 1 })) });
  }
});

describe('GET /events', () => {
  it('sends the current states first, then changes and removals', async () => {
    const { events, leave } = await listen(`${server.url}/events`);
    await until(() => expect(events.length).toBe(2));
    expect(events.map(({ event, data }) => [event, data.filename, data.status])).toEqual([
      ['track', 'one.wav', 'ready'],
      ['track', 'two.wav', 'ready'],
    ]);

    await upload(server.url, { name: 'long.mp3', bytes: await longMp3(1) });
    await until(() => expect(events.at(-1)?.data).toMatchObject({ filename: 'long.mp3', status: 'ready' }));
    const seen = events.filter(({ data }) => data.filename === 'long.mp3');
    const progress = seen.map(({ data }) => data.progress);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    expect(seen.some(({ data }) => data.status === 'processing' && data.manifestUrl !== null)).toBe(true);
    // Progress comes at most four times a second; a new, playable or ready track comes at once.
    const seconds = ((seen.at(-1)?.at ?? 0) - (seen[0]?.at ?? 0)) / 1000;
    expect(seen.length).toBeLessThanOrEqual(4 * seconds + 5);

    await request(`${server.url}/files/long.mp3`, { method: 'DELETE' });
    await until(() =>
      expect(events.at(-1)).toMatchObject({ event: 'removed', data: { filename: 'long.mp3' } }),
    );
    leave();
  });
});

describe('GET /files/{filename}/events', () => {
  it('sends one track, and ends when that is processed', async () => {
    await upload(server.url, { name: 'own.mp3', bytes: await longMp3(2) }, '?wait=false');
    const { events, ended } = await listen(`${server.url}/files/own.mp3/events`);
    await upload(server.url, { name: 'other.wav', bytes: wav(noise({ samples: 5000, seed: 50 })) });
    await ended;
    expect(new Set(events.map(({ data }) => data.filename))).toEqual(new Set(['own.mp3']));
    expect(events.at(-1)?.data.status).toBe('ready');
  });

  it('ends at once for a processed track, and gets 404 for an unknown one', async () => {
    const { events, ended } = await listen(`${server.url}/files/one.wav/events`);
    await ended;
    expect(events.map(({ data }) => data.status)).toEqual(['ready']);
    expect((await request(`${server.url}/files/nobody/events`)).status).toBe(404);
  });
});

it('an open stream does not keep the server from stopping', async () => {
  const own = await startServer();
  const { ended } = await listen(`${own.url}/events`);
  const begin = performance.now();
  await own.close();
  await ended;
  expect(performance.now() - begin).toBeLessThan(3000);
});
