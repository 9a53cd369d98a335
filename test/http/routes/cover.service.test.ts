/** Covers over HTTP. */
import { beforeAll, describe, expect, it } from 'vitest';
import type { TrackView } from '../../../src/http/openapi/track-schema.ts';
import { getTrack, type Problem, request, until, upload } from '../../support/client.ts';
import { audioWithPicture, coloursOf, drawn, png, sizeOf } from '../../support/pictures.ts';
import { startServerWith } from '../../support/prepared.ts';
import { startServer, type TestServer } from '../../support/server.ts';

let server: TestServer;
let address: string;
beforeAll(async () => {
  server = await startServerWith(['short.wav']);
  address = `${server.url}/files/short.wav/cover`;
});

const put = (picture: Buffer, headers: Record<string, string> = {}) =>
  request<TrackView & Omit<Problem, 'status'>>(address, {
    method: 'PUT',
    body: new Uint8Array(picture),
    headers,
  });
const remove = (headers: Record<string, string> = {}) =>
  request<TrackView & Omit<Problem, 'status'>>(address, { method: 'DELETE', headers });
const get = async (url: string, init?: RequestInit) => {
  const response = await fetch(new URL(url, server.url), init);
  return { response, bytes: Buffer.from(await response.arrayBuffer()) };
};
const sidecars = async () => (await server.services.storage.listSidecars('short.wav')).sort();

describe('a track without a cover', () => {
  it('has no address of one, and says so', async () => {
    expect((await getTrack(server.url, 'short.wav')).coverUrl).toBe(null);
    for (const url of [address, `${server.url}/stream/short.wav/cover`]) {
      const { status, body } = await request<Problem>(url);
      expect([status, body.code]).toEqual([404, 'cover_not_found']);
    }
    expect((await request<Problem>(`${server.url}/files/nobody.wav/cover`)).body.code).toBe(
      'track_not_found',
    );
  });
});

describe('a cover', () => {
  it('is what was sent, whatever its Content-Type, in three sizes', async () => {
    const { status, body, headers } = await put(png(400, 200), { 'content-type': 'text/plain' });
    expect(status).toBe(200);
    expect(body.coverUrl).toMatch(/^\/stream\/short\.wav\/cover\?v=[0-9a-f]{32}$/);
    expect(headers.get('etag')).toMatch(/^"[^"]+"$/);
    for (const [size, shape] of Object.entries({ 96: [96, 48], 320: [320, 160], 1000: [400, 200] })) {
      for (const url of [`${body.coverUrl}&size=${size}`, `${address}?size=${size}`]) {
        const { response, bytes } = await get(url);
        expect(response.headers.get('content-type')).toBe('image/jpeg');
        expect(sizeOf(bytes)).toEqual(shape);
      }
    }
    expect(sizeOf((await get(address)).bytes)).toEqual([320, 160]);
    const { status: wrong, body: problem } = await request<Problem>(`${address}?size=50`);
    expect([wrong, problem.code, problem.detail]).toEqual([
      400,
      'invalid_query',
      '"size" must be 96, 320 or 1000.',
    ]);
  });

  it('is immutable at its own address, and revalidated at the other', async () => {
    const { coverUrl } = await getTrack(server.url, 'short.wav');
    const { response } = await get(coverUrl as string);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    const plain = (await get(`${server.url}/stream/short.wav/cover`)).response.headers;
    expect(plain.get('cache-control')).toBe('no-cache');
    const again = await get(address, { headers: { 'if-none-match': plain.get('etag') ?? '' } });
    expect(again.response.status).toBe(304);
  });

  it('is changed if it is the one that the client knows, and told to who follows the track', async () => {
    const { headers } = await request(`${server.url}/files/short.wav`);
    const known = headers.get('etag') ?? '';
    const before = await sidecars();
    const told: string[] = [];
    const stop = server.services.trackEvents.listen((filename) => void told.push(filename));
    expect((await put(await drawn('still.webp'), { 'if-match': '"other"' })).body.code).toBe(
      'precondition_failed',
    );
    expect([await sidecars(), told]).toEqual([before, []]);
    const changed = await put(await drawn('still.webp'), { 'if-match': known });
    expect([changed.status, told]).toEqual([200, ['short.wav']]);
    expect(changed.headers.get('etag')).not.toBe(known);
    expect(await coloursOf((await get(changed.body.coverUrl as string)).bytes)).toEqual([
      'blue',
      'red',
      'red',
    ]);
    expect((await put(png(1, 1), { 'if-match': known })).status).toBe(412);
    expect((await remove({ 'if-match': known })).status).toBe(412);
    stop();
  });

  it('of two that come at once is one of them', async () => {
    const answers = await Promise.all([put(png(40, 20)), put(png(20, 40))]);
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    expect([
      [40, 20],
      [20, 40],
    ]).toContainEqual(sizeOf((await get(address)).bytes));
    expect(await sidecars()).toHaveLength(3);
  });

  it('is removed for good', async () => {
    for (const _time of [1, 2]) {
      const { status, body } = await remove();
      expect([status, body.coverUrl]).toEqual([200, null]);
    }
    expect((await get(address)).response.status).toBe(404);
    expect(await sidecars()).toEqual([]);
    expect((await server.services.library.get('short.wav'))?.edited).toEqual(['cover']);
  });

  it.each([
    ['that is none', async () => Buffer.from('<svg/>'), 415, 'unsupported_media', /JPEG, PNG or WebP/],
    ['that is empty', async () => Buffer.alloc(0), 415, 'unsupported_media', /JPEG, PNG or WebP/],
    ['of too many pixels', async () => png(8000, 6300), 415, 'unsupported_media', /8000x6300/],
    ['of too many bytes', async () => Buffer.alloc(10 * 1024 ** 2 + 1), 413, 'bad_request', /10485760 bytes/],
  ])('%s is refused, and nothing of it is kept', async (_what, picture, status, code, detail) => {
    const refused = await put(await picture());
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    expect(refused.body.detail).toMatch(detail);
    expect(await sidecars()).toEqual([]);
    expect(server.services.governor.usage()).toMatchObject({ covers: 0, probes: 0 });
  });

  it('is refused for a track that is not there, before it is read', async () => {
    const url = `${server.url}/files/nobody.wav/cover`;
    for (const method of ['PUT', 'DELETE']) {
      const { status, body } = await request<Problem>(url, { method });
      expect([status, body.code]).toEqual([404, 'track_not_found']);
    }
  });
});

it('is at first the picture in the file, until another is set', async () => {
  const analysing = await startServer({ ANALYSIS: 'true' });
  const file = await audioWithPicture('mp3', await drawn('progressive.jpg'));
  const { body: track } = await upload(analysing.url, file);
  const coverUrl = await until(async () => {
    const { coverUrl } = await getTrack(analysing.url, track.filename);
    expect(coverUrl).not.toBe(null);
    return coverUrl as string;
  });
  const at = (url: string) => get(`${analysing.url}${url}`);
  expect(await coloursOf((await at(coverUrl)).bytes)).toEqual(['blue', 'red', 'red']);
  const body = new Uint8Array(png(4, 4));
  const url = `${analysing.url}/files/${track.filename}/cover`;
  const { body: changed } = await request<TrackView>(url, { method: 'PUT', body });
  const old = await at(coverUrl);
  expect(old.response.headers.get('cache-control')).toBe('no-cache');
  expect(old.bytes).toEqual((await at(changed.coverUrl as string)).bytes);
});

it('is shown by its signed address alone where links are signed', async () => {
  const key = 'phone-key-0123456789-0123456789-0123456789';
  const locked = await startServerWith(['short.wav'], {
    ...{ API_KEYS: `phone:${key}`, STREAM_SECRET: 'a secret of more than thirty-two characters' },
  });
  const url = `${locked.url}/files/short.wav/cover`;
  const authorization = `Bearer ${key}`;
  const body = new Uint8Array(png(4, 4));
  expect((await fetch(url, { method: 'PUT', body })).status).toBe(401);
  const { body: track } = await request<TrackView>(url, { method: 'PUT', body, headers: { authorization } });
  expect(track.coverUrl).toMatch(/^\/signed\/[^/]+\/short\.wav\/cover\?v=/);
  const statusOf = async (at: string, headers = {}) =>
    (await fetch(new URL(at, locked.url), { headers })).status;
  expect(await statusOf(track.coverUrl as string)).toBe(200);
  expect(await statusOf('/stream/short.wav/cover')).toBe(403);
  expect(await statusOf(url)).toBe(401);
  expect(await statusOf(url, { authorization })).toBe(200);
});
