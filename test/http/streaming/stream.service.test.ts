/** Serves manifests and segments over a real socket. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TrackView } from '../../../src/http/openapi/track-schema.ts';
import {
  download,
  getManifest,
  getTrack,
  type Manifest,
  type Problem,
  request,
  until,
} from '../../support/client.ts';
import { startServerWith } from '../../support/prepared.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
let manifest: Manifest;
let segment: string;

beforeAll(async () => {
  server = await startServerWith(['tök & <song>.wav']);
  const [track] = (await request<TrackView[]>(`${server.url}/files`)).body;
  manifest = await getManifest(server.url, track as TrackView);
  segment = manifest.segments[1]?.url ?? '';
});

describe('the manifest', () => {
  it('is MPEG-DASH, revalidated before each use, and not sent again if unchanged', async () => {
    const first = await fetch(manifest.url);
    expect(first.headers.get('content-type')).toBe('application/dash+xml');
    expect(first.headers.get('cache-control')).toBe('no-cache');
    const etag = first.headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    expect((await fetch(manifest.url, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  it('contains relative addresses only', () => {
    expect(manifest.xml).not.toMatch(/https?:\/\/(?!www\.w3|.*dash)/);
    expect(manifest.xml).toMatch(/media="segment\/aac-128k-[0-9a-f]{8}-\$Number%05d\$\.m4s"/);
  });

  it('answers HEAD as GET without the body', async () => {
    const [head, get] = await Promise.all([fetch(manifest.url, { method: 'HEAD' }), fetch(manifest.url)]);
    for (const name of ['content-type', 'content-length', 'etag', 'cache-control']) {
      expect(head.headers.get(name), name).toBe(get.headers.get(name));
    }
    expect(await head.text()).toBe('');
  });
});

describe('segments', () => {
  it('are audio, immutable, and answered by HEAD', async () => {
    for (const url of [manifest.initUrl, segment]) {
      const [head, get] = await Promise.all([fetch(url, { method: 'HEAD' }), fetch(url)]);
      const bytes = await get.arrayBuffer();
      expect(get.headers.get('content-type')).toBe('audio/mp4');
      expect(get.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
      expect(get.headers.get('accept-ranges')).toBe('bytes');
      expect(Number(get.headers.get('content-length'))).toBe(bytes.byteLength);
      expect(head.headers.get('content-length')).toBe(get.headers.get('content-length'));
      expect(head.headers.get('etag')).toBe(get.headers.get('etag'));
      expect(await head.text()).toBe('');
    }
  });

  it('support single ranges', async () => {
    const whole = await download(segment);
    const response = await fetch(segment, { headers: { range: 'bytes=10-19' } });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes 10-19/${whole.length}`);
    expect(Buffer.from(await response.arrayBuffer())).toEqual(whole.subarray(10, 20));
    const beyond = await fetch(segment, { headers: { range: `bytes=${whole.length}-` } });
    expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${whole.length}`]);
  });

  it.each([
    ['a number after the end', (name: string) => name.replace('00002', '00099')],
    ['number 0', (name: string) => name.replace('00002', '00000')],
    ['another encode hash', (name: string) => name.replace(/-[0-9a-f]{8}-/, '-00000000-')],
    ['another rendition', (name: string) => name.replace('128k', '64k')],
    ['a second spelling', (name: string) => name.replace('00002', '000002')],
    ['a path', () => '..%2f..%2fmanifests%2ftrack.json'],
    ['NUL', (name: string) => `${name}%00`],
    ['something else', () => 'x.txt'],
  ])('get 404 for %s', async (_case, change) => {
    const url = new URL(change(segment.split('/').at(-1) ?? ''), segment).href;
    const { status, body } = await request<Problem>(url);
    expect([status, body.code]).toEqual([404, 'segment_not_found']);
  });
});

describe('a query', () => {
  const CMCD = `CMCD=${encodeURIComponent('bl=21300,cid="a/b",d=4004,nor="..%2Fsegment35.m4v",su')}`;

  it('is ignored, and the request takes the same fast path before the routes', async () => {
    const own = await startServerWith(['short.wav'], { LOG_LEVEL: 'debug' });
    const { url, segments } = await getManifest(own.url, await getTrack(own.url, 'short.wav'));
    const routed = () => own.logged.filter((line) => line.includes('/stream/'));
    // Once it is in memory.
    await download(segments[0]?.url as string);
    const before = routed().length;
    for (const address of [url, segments[0]?.url as string]) {
      const [plain, queried] = [await fetch(address), await fetch(`${address}?${CMCD}`)];
      expect([queried.status, queried.headers.get('etag')]).toEqual([200, plain.headers.get('etag')]);
      expect(await queried.text()).toBe(await plain.text());
      expect((await fetch(`${address}?`)).status).toBe(200);
    }
    expect(routed().slice(before)).toEqual([]);
    // The routes answer names that need decoding, and addresses with additional slashes.
    expect((await fetch(url.replace('short.wav', '%73hort.wav').concat(`?${CMCD}`))).status).toBe(200);
    expect((await fetch(url.replace('/stream', '//stream').concat(`?${CMCD}`))).status).toBe(404);
    expect((await fetch(`${segments[0]?.url}/?${CMCD}`)).status).toBe(404);
    await until(() => expect(routed().slice(before)).toHaveLength(3));
    await own.close();
  });
});

// Preflights and CORS_ORIGIN are in `http/wire`.
describe('players on other sites', () => {
  it('can read streams', async () => {
    const response = await fetch(segment, { headers: { origin: 'https://player.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBe('*');
    expect(response.headers.get('access-control-expose-headers')).toContain('Content-Range');
  });

  it('cannot read the API', async () => {
    const response = await fetch(`${server.url}/files`, { headers: { origin: 'https://player.example' } });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('a wrong method', () => {
  it.each([
    ['PUT', '/files', 'GET, HEAD'],
    ['POST', '/files/x.mp3', 'DELETE, GET, HEAD, PATCH'],
    ['GET', '/files/x.mp3/retry', 'POST'],
    ['GET', '/upload', 'POST'],
    ['POST', '/stream/x.mp3/manifest', 'GET, HEAD'],
    ['DELETE', '/stream/x.mp3/segment/y.m4s', 'GET, HEAD'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['DELETE', '/', 'GET, HEAD'],
  ])('gets 405 with Allow: %s %s', async (method, address, allow) => {
    const body = method === 'POST' ? '{"not":"read"' : null;
    const headers = { 'content-type': 'application/json' };
    const answer = await request<Problem>(server.url + address, { method, body, headers });
    expect([answer.status, answer.body.code]).toEqual([405, 'method_not_allowed']);
    expect(answer.headers.get('allow')).toBe(allow);
  });

  it('gets 404 at an address that does not exist', async () => {
    const { status, body } = await request<Problem>(`${server.url}/nowhere`);
    expect([status, body.code]).toEqual([404, 'route_not_found']);
  });
});

describe('health', () => {
  it('shows a server that is alive and ready', async () => {
    expect(await request(`${server.url}/healthz`)).toMatchObject({ status: 200, body: { status: 'ok' } });
    const { status, body } = await request(`${server.url}/readyz`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      status: 'ready',
      checks: { ffmpeg: { ok: true, detail: expect.stringMatching(/\d/) } },
    });
  });
});

it('serves the page and all of its files from this server', async () => {
  const page = await (await fetch(server.url)).text();
  const assets = [...page.matchAll(/(?:src|href)="(assets\/[^"]+)"/g)].map((match) => match[1]);
  expect(assets).toEqual(
    expect.arrayContaining(['assets/app.js', 'assets/style.css', 'assets/dash.all.min.js']),
  );
  for (const asset of assets) await download(`${server.url}/${asset}`);
  expect(page).not.toMatch(/https?:\/\//);
});
