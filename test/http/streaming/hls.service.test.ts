/** Serves playlists over a real socket. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { longMp3, noise, wav } from '../../support/audio.ts';
import { download, type Problem, request, settled, upload } from '../../support/client.ts';
import { DEFAULT_LADDER, startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let master: string;
beforeAll(async () => {
  server = await startServer(DEFAULT_LADDER);
  const { body } = await upload(server.url, {
    name: 'tök & <song>.wav',
    bytes: wav(noise({ samples: 400_000, channels: 2 })),
  });
  master = server.url + body.hlsUrl;
});

/** Returns the addresses in a playlist: the lines that are no tags. */
const addresses = (playlist: string, base: string) =>
  playlist
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => new URL(line, base).href);

it('the track has the address of its master playlist', async () => {
  expect(new URL(master).pathname).toBe('/stream/t%C3%B6k-song-.wav/master.m3u8');
});

describe('from the master playlist', () => {
  it('every address exists, 128k is first, and HLS stores no files of its own', async () => {
    const playlists = addresses((await download(master)).toString(), master);
    expect(playlists.map((url) => url.split('/').at(-1))).toEqual([
      'aac-128k.m3u8',
      'aac-64k.m3u8',
      'aac-256k.m3u8',
    ]);
    const names = new Set<string>();
    for (const url of playlists) {
      const text = (await download(url)).toString();
      const init = /#EXT-X-MAP:URI="([^"]+)"/.exec(text)?.[1] ?? '';
      for (const segment of [new URL(init, url).href, ...addresses(text, url)]) {
        const response = await fetch(segment);
        expect([response.status, response.headers.get('content-type')]).toEqual([200, 'audio/mp4']);
        await response.arrayBuffer();
        names.add(segment.split('/').at(-1) ?? '');
      }
    }
    const folder = path.join(server.dataDir, 'segments', 'tök-song-.wav');
    expect((await readdir(folder)).sort()).toEqual([...names].sort());
  });

  it('all playlists are HLS, revalidated, readable from other sites, and answered by HEAD', async () => {
    for (const url of [master, new URL('aac-64k.m3u8', master).href]) {
      const headers = { origin: 'https://player.example' };
      const [head, get] = await Promise.all([
        fetch(url, { method: 'HEAD', headers }),
        fetch(url, { headers }),
      ]);
      expect(get.headers.get('content-type')).toBe('application/vnd.apple.mpegurl');
      expect(get.headers.get('cache-control')).toBe('no-cache');
      expect(get.headers.get('access-control-allow-origin')).toBe('*');
      for (const name of ['content-type', 'content-length', 'etag', 'cache-control']) {
        expect(head.headers.get(name), name).toBe(get.headers.get(name));
      }
      const etag = get.headers.get('etag') ?? '';
      expect((await fetch(url, { headers: { 'if-none-match': etag } })).status).toBe(304);
    }
  });

  it('the bit rates are the measured ones', async () => {
    const text = (await download(master)).toString();
    const rates = [...text.matchAll(/BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),CODECS="mp4a.40.2"/g)];
    expect(rates).toHaveLength(3);
    const { body } = await request<{ renditions: { bandwidth: number; averageBandwidth: number }[] }>(
      `${server.url}/files/${master.split('/').at(-2)}`,
    );
    const known = body.renditions.map((each) => `${each.bandwidth} ${each.averageBandwidth}`);
    expect(rates.map(([, peak, average]) => `${peak} ${average}`).sort()).toEqual(known.sort());
  });
});

it.each(['aac-96k.m3u8', 'master2.m3u8', '.m3u8', 'aac-128k.m3u', '..%2fmaster.m3u8', 'aac-128k%00.m3u8'])(
  '%s is 404',
  async (name) => {
    const { status, body } = await request<Problem>(new URL(name, master).href);
    expect(status).toBe(404);
    expect(['rendition_not_found', 'route_not_found']).toContain(body.code);
  },
);

it('a wrong method gets 405', async () => {
  for (const name of ['master.m3u8', 'aac-128k.m3u8']) {
    const answer = await request<Problem>(new URL(name, master).href, { method: 'DELETE' });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  }
});

describe('while the track is being encoded', () => {
  it('playlists exist with the manifest and only their bit rates change; requests for segments wait', async () => {
    const { body } = await upload(server.url, { name: 'long.mp3', bytes: await longMp3(2) }, '');
    expect(body).toMatchObject({ status: 'processing', hlsUrl: '/stream/long.mp3/master.m3u8' });
    const early = (await download(server.url + body.hlsUrl)).toString();
    expect(early).toContain('BANDWIDTH=140800,AVERAGE-BANDWIDTH=128000,');
    const media = `${server.url}/stream/long.mp3/aac-64k.m3u8`;
    const playlist = (await download(media)).toString();
    expect((await download(addresses(playlist, media).at(-2) ?? '')).length).toBeGreaterThan(1000);
    await settled(server.url, 'long.mp3');
    expect((await download(media)).toString()).toBe(playlist);
    const late = (await download(server.url + body.hlsUrl)).toString();
    const withoutRates = (text: string) => text.replaceAll(/BANDWIDTH=\d+/g, 'BANDWIDTH');
    expect(withoutRates(late)).toBe(withoutRates(early));
    expect(late).not.toBe(early);
  });

  it('playlists get 404 before, and hlsUrl is null', async () => {
    const { body } = await upload(server.url, { name: 'early.mp3', bytes: await longMp3(1) }, '?wait=false');
    expect(body.hlsUrl === null).toBe(body.manifestUrl === null);
    const unknown = await request<Problem>(`${server.url}/stream/nobody.mp3/master.m3u8`);
    expect([unknown.status, unknown.body.code]).toEqual([404, 'track_not_found']);
  });
});
