/** With STREAM_FROM=s3 players get the segments of ready tracks from the bucket, and the service sends none of them. */
import { DeleteObjectsCommand } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from 'vitest';
import type { StreamLinks } from '../../src/http/openapi/schemas.ts';
import type { TrackView } from '../../src/http/openapi/track-schema.ts';
import { s3Client } from '../../testkit/s3-server.ts';
import { longMp3, noise, wav } from '../support/audio.ts';
import { hasChromium, openPage } from '../support/browser.ts';
import { allowEverybody, allowPages } from '../support/bucket-rules.ts';
import { download, downloadTrack, getManifest, request, settled, until, upload } from '../support/client.ts';
import { atEndOfFile } from '../support/end-of-file.ts';
import { freshBucket, freshDatabase, hasPostgres, hasS3 } from '../support/on-engines.ts';
import { expectOnTimeline } from '../support/on-timeline.ts';
import { openPlayer, PLAYERS, type PlayerName, playToEnd } from '../support/players.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { slowFfmpeg } from '../support/slow-ffmpeg.ts';

const SECONDS = 2;
const sound = (seed: number) => wav(noise({ samples: 44_100 * SECONDS, seed }));

type Env = Awaited<ReturnType<typeof freshBucket>> & Record<string, string>;

async function freshEnv(): Promise<Env> {
  const bucket = await freshBucket();
  await allowPages(bucket);
  const settings = { STREAM_FROM: 's3', SEGMENT_SECONDS: '1', CONCURRENCY: '1' };
  return { ...(await freshDatabase()), ...bucket, ...settings };
}

/** A server, and each response for a stream: its method, track, kind and status. */
async function start(env: Env): Promise<TestServer & { answered: string[] }> {
  const server = await startServer(env);
  const answered: string[] = [];
  server.app.server.prependListener('request', ({ url = '', method }, response) => {
    const [, track, kind] = /^\/(?:stream|signed\/[^/]*)\/([^/]*)\/(segment|[^/]*)/.exec(url) ?? [];
    if (kind)
      response.once('finish', () => answered.push(`${method} ${track} ${kind} ${response.statusCode}`));
  });
  return { ...server, answered };
}

interface Playing {
  server: TestServer;
  track: Pick<TrackView, 'manifestUrl' | 'hlsUrl' | 'durationSeconds'>;
  /** Site of the page; that of the server by default. */
  at?: string;
}

async function expectToPlay(player: PlayerName, { server, track, at }: Playing): Promise<void> {
  const urls = { manifestUrl: server.url + track.manifestUrl, hlsUrl: server.url + track.hlsUrl };
  const storedAt = server.services.storage.addresses?.origin as string;
  const page = await openPlayer(player, urls, { at, alsoFrom: [server.url, storedAt] });
  const played = await playToEnd(page);
  await page.close();
  expect(played.errors).toEqual([]);
  expect(played.ended).toBe(true);
  expect(played.buffered).toHaveLength(1);
  expect(played.reached).toBeGreaterThan(track.durationSeconds - 0.05);
}

/** Where a client is sent for a segment. */
async function redirectOf(url: string) {
  const { status, headers } = await fetch(url, { redirect: 'manual' });
  return { status, location: headers.get('location'), headers };
}

/** Expects that each segment is stored at its address as the service has it. */
async function expectStored({ services }: TestServer, { filename }: TrackView, addresses: string[]) {
  const track = await services.library.get(filename);
  for (const address of addresses) {
    const name = new URL(address).pathname.split('/').at(-1) as string;
    const bytes = await services.storage.readSegment(track?.home as string, name);
    expect((await download(address)).equals(bytes as Buffer)).toBe(true);
  }
}

describe.runIf(hasPostgres && hasS3)('with signed addresses', { concurrent: true }, () => {
  let env: Env;
  let server: Awaited<ReturnType<typeof start>>;
  let track: TrackView;
  beforeAll(async () => {
    env = await freshEnv();
    server = await start(env);
    track = (await upload(server.url, { name: 'song.wav', bytes: sound(1) })).body;
  });

  it('a client is sent to the bucket, where it gets the same bytes', async () => {
    const { initUrl, segments } = await getManifest(server.url, track);
    const addresses: string[] = [];
    for (const url of [initUrl, ...segments.map((segment) => segment.url)]) {
      const { status, location, headers } = await redirectOf(url);
      expect([status, headers.get('cache-control')]).toEqual([307, 'no-store']);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(location).toMatch(`${env.S3_ENDPOINT}/${env.S3_BUCKET}/segments/`);
      addresses.push(location as string);
    }
    await expectStored(server, track, addresses);
    await expectOnTimeline(await getManifest(server.url, track), track.samples);
  });

  it('the service answers HEAD, and refuses names of no segment', async () => {
    const { initUrl } = await getManifest(server.url, track);
    const { status, headers } = await fetch(initUrl, { method: 'HEAD' });
    expect([status, headers.get('content-type')]).toEqual([200, 'audio/mp4']);
    for (const name of ['aac-128k-00000000-00001.m4s', 'aac-9k-init.mp4', 'x', '..%2Fx']) {
      expect([name, (await redirectOf(initUrl.replace(/[^/]*$/, name))).status]).toEqual([name, 404]);
    }
  });

  it('a page elsewhere may be told of the redirect by the origins of CORS_ORIGIN', async () => {
    const { initUrl } = await getManifest(server.url, track);
    const other = await startServer({ ...env, CORS_ORIGIN: 'https://page.example' });
    const url = initUrl.replace(server.url, other.url);
    const { headers } = await fetch(url, { redirect: 'manual', headers: { origin: 'https://page.example' } });
    expect(headers.get('access-control-allow-origin')).toBe('https://page.example');
    expect(headers.get('vary')).toBe('Origin');
  });

  it.runIf(hasChromium)(
    'all players play it, on pages of any site; the service sends no segment',
    async () => {
      const { body: played } = await upload(server.url, { name: 'played.wav', bytes: sound(5) });
      const elsewhere = server.url.replace('127.0.0.1', 'localhost');
      await Promise.all([
        ...PLAYERS.map((player) => expectToPlay(player, { server, track: played })),
        ...(['dash.js', 'hls.js'] as const).map((player) =>
          expectToPlay(player, { server, track: played, at: elsewhere }),
        ),
      ]);
      const segments = server.answered.filter((line) => line.includes('played.wav segment'));
      expect(new Set(segments)).toEqual(new Set(['GET played.wav segment 307']));
      expect(segments.length).toBeGreaterThanOrEqual(6 * (SECONDS + 1));
    },
  );

  it.runIf(hasChromium).each([
    ['dash.js', ''],
    ['HLS of the browser', 'delete window.MediaSource'],
  ])('the page plays it by %s', async (_how, script) => {
    const { origin } = server.services.storage.addresses as { origin: string };
    const page = await openPage(server.url, { alsoFrom: [origin], script });
    await page.getByRole('button', { name: 'Play song.wav' }).click();
    await page.locator('#audio').evaluate(async (element) => {
      const audio = element as HTMLAudioElement;
      while (audio.currentTime < 0.2)
        await new Promise((resolve) => audio.addEventListener('timeupdate', resolve, { once: true }));
    });
    expect(await page.locator('#player-error').isVisible()).toBe(false);
    await page.close();
  });
});

describe.runIf(hasPostgres && hasS3)('with links', { concurrent: true }, () => {
  it('each request for a segment needs a link that is valid', async () => {
    const env = await freshEnv();
    const server = await start({ ...env, STREAM_SECRET: 's'.repeat(32) });
    const { body: track } = await upload(server.url, { name: 'locked.wav', bytes: sound(2) });
    const { initUrl } = await getManifest(server.url, track);
    const { status, location } = await redirectOf(initUrl);
    expect(status).toBe(307);
    expect((await download(location as string)).length).toBeGreaterThan(100);
    const unsigned = initUrl.replace(/\/signed\/[^/]+/, '/stream');
    const forged = initUrl.replace(/\/signed\/../, '/signed/zz');
    expect((await redirectOf(unsigned)).status).toBe(403);
    expect((await redirectOf(forged)).status).toBe(403);
    const { body: links } = await request<StreamLinks>(`${server.url}/files/locked.wav/links`, {
      method: 'POST',
      body: '{"expiresInSeconds":1}',
    });
    const short = initUrl.replace(
      /\/signed\/[^/]+/,
      /\/signed\/[^/]+/.exec(links.manifestUrl as string)?.[0] ?? '',
    );
    expect((await redirectOf(short)).status).toBe(307);
    await until(async () => expect((await redirectOf(short)).status).toBe(403));
  });
});

describe.runIf(hasPostgres && hasS3)('below the address of a CDN', { concurrent: true }, () => {
  let env: Env;
  let server: Awaited<ReturnType<typeof start>>;
  beforeAll(async () => {
    env = await freshEnv();
    await allowEverybody(env);
    env.CDN_URL = `${env.S3_ENDPOINT}/${env.S3_BUCKET}`;
    server = await start({ ...env, KEEP_ORIGINALS: 'true' });
  });

  it('all players play a track of which the service sends only manifests and playlists', async () => {
    const { body: track } = await upload(server.url, { name: 'public.wav', bytes: sound(3) });
    const manifest = await getManifest(server.url, track);
    const urls = [manifest.initUrl, ...manifest.segments.map(({ url }) => url)];
    for (const url of urls) expect(url).toMatch(`${env.CDN_URL}/segments/`);
    await expectStored(server, track, urls);
    const playlist = String(await download(`${server.url}/stream/public.wav/aac-128k.m3u8`));
    expect(playlist.match(/http[^"\n]*/g)).toEqual(urls);
    if (!hasChromium) return;
    await Promise.all(PLAYERS.map((player) => expectToPlay(player, { server, track })));
    const answered = server.answered.filter((line) => line.includes('public.wav'));
    expect(answered.length).toBeGreaterThan(PLAYERS.length);
    expect(answered.filter((line) => line.includes('segment'))).toEqual([]);
  });

  it('a track that is encoded is named at the service, and its listeners are sent on once it is ready', async () => {
    const slow = await start({ ...env, FFMPEG_PATH: await slowFfmpeg(8), SANDBOX: 'off' });
    const { body: track } = await upload(slow.url, { name: 'coming.mp3', bytes: await longMp3(0.2) }, '');
    expect(track.status).toBe('processing');
    const before = await getManifest(slow.url, track);
    const url = before.segments[0]?.url as string;
    expect(url).toMatch(slow.url);
    expect((await redirectOf(url)).status).toBe(200);
    await settled(slow.url, 'coming.mp3');
    const { location } = await redirectOf(url);
    const after = await getManifest(slow.url, track);
    expect(after.segments[0]?.url).toBe(location);
    await expectStored(slow, track, [location as string]);
  });

  it('segments that a careless hand has removed come back when a node is asked for the manifest', async () => {
    const { body: track } = await upload(server.url, { name: 'lost.wav', bytes: sound(4) });
    const { initUrl, segments } = await getManifest(server.url, track);
    const whole = await downloadTrack(await getManifest(server.url, track));
    const client = s3Client(env);
    atEndOfFile(async () => client.destroy());
    const Objects = [initUrl, segments[1]?.url as string].map((url) => ({
      Key: url.split(`${env.S3_BUCKET}/`)[1],
    }));
    await client.send(new DeleteObjectsCommand({ Bucket: env.S3_BUCKET, Delete: { Objects } }));
    expect((await fetch(initUrl)).status).toBe(403);
    const other = await start({ ...env, KEEP_ORIGINALS: 'true' });
    await getManifest(other.url, track);
    await until(async () => {
      const now = await getManifest(other.url, track);
      expect((await fetch(now.initUrl)).status).toBe(200);
      expect((await downloadTrack(now)).equals(whole)).toBe(true);
    });
  });
});
