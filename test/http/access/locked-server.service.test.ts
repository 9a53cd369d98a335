/** Checks access: API keys, signed links, rate limits and security headers. */
import { request as rawRequest } from 'node:http';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { createKeyring } from '../../../src/http/access/api-keys.ts';
import { createSignedLinks } from '../../../src/http/access/signed-links.ts';
import { noise, wav } from '../../support/audio.ts';
import { download, getManifest, type Problem, request } from '../../support/client.ts';
import { startServerWith } from '../../support/prepared.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const KEY = 'phone-key-0123456789-0123456789-0123456789';
const SECRET = 'a secret that signs links, and is long enough';
const LOCKED = { API_KEYS: `phone:${KEY},laptop:${KEY.toUpperCase()}`, STREAM_SECRET: SECRET };
const authorization = `Bearer ${KEY}`;
const headers = { authorization };
const sound = (seed: number) => ({ name: `song-${seed}.wav`, bytes: wav(noise({ samples: 90_000, seed })) });

const form = (seed: number) => {
  const body = new FormData();
  const { name, bytes } = sound(seed);
  body.append('file', new Blob([new Uint8Array(bytes)]), name);
  return body;
};

describe('a server with API keys', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ ...LOCKED, LOG_LEVEL: 'trace' });
    const answer = await request(`${server.url}/upload?wait=ready`, {
      method: 'POST',
      headers,
      body: form(1),
    });
    expect(answer.status).toBe(201);
  });

  const PRIVATE = [
    ['POST', '/upload'],
    ['GET', '/files'],
    ['HEAD', '/files'],
    ['GET', '/files/song-1.wav'],
    ['GET', '/files/nobody.wav'],
    ['GET', '/files/song-1.wav/events'],
    ['GET', '/events'],
    ['POST', '/files/song-1.wav/retry'],
    ['POST', '/files/song-1.wav/links'],
    ['PATCH', '/files/song-1.wav'],
    ['DELETE', '/files/song-1.wav'],
  ] as const;

  it.each(PRIVATE)('needs one for %s %s', async (method, path) => {
    for (const wrong of [
      undefined,
      'Bearer ',
      `Bearer ${KEY}x`,
      `Basic ${KEY}`,
      KEY,
      `Bearer ${KEY.slice(1)}`,
    ]) {
      const answer = await request<Problem>(server.url + path, {
        method,
        headers: wrong === undefined ? {} : { authorization: wrong },
      });
      expect(answer.status, wrong).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      if (method !== 'HEAD') expect(answer.body.code).toBe('unauthorized');
    }
  });

  it('accepts each key, and logs its name', async () => {
    for (const [name, key] of [
      ['phone', KEY],
      ['laptop', KEY.toUpperCase()],
    ]) {
      const answer = await request(`${server.url}/files`, { headers: { authorization: `Bearer ${key}` } });
      expect(answer.status).toBe(200);
      const line = server.logged.map((text) => JSON.parse(text)).findLast(({ url }) => url === '/files');
      expect(line).toMatchObject({ key: name, status: 200 });
    }
  });

  it('logs no key and no secret', () => {
    expect(server.logged.length).toBeGreaterThan(20);
    expect(server.logged.join('')).not.toMatch(new RegExp(`${KEY}|${SECRET}`, 'i'));
  });

  it('refuses an upload before its body is sent', async () => {
    const answer = new Promise<number | undefined>((resolve, reject) => {
      const sent = rawRequest(`${server.url}/upload`, {
        method: 'POST',
        headers: { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1e9 },
      });
      sent.once('response', (response) => {
        resolve(response.statusCode);
        sent.destroy();
      });
      sent.once('error', reject);
      // Send headers and no body.
      sent.flushHeaders();
    });
    expect(await answer).toBe(401);
  });

  it.each(['/', '/docs/', '/openapi.json', '/healthz', '/readyz', '/assets/app.js'])(
    'leaves %s open',
    async (path) => {
      expect((await fetch(server.url + path)).status).toBe(200);
    },
  );

  it('shows the details of /readyz only with a key', async () => {
    const [stranger, holder] = await Promise.all([
      request(`${server.url}/readyz`),
      request(`${server.url}/readyz`, { headers }),
    ]);
    expect(stranger.body).toEqual({ status: 'ready' });
    expect(holder.body).toMatchObject({ status: 'ready', checks: { ffmpeg: { ok: true } } });
  });

  describe('and signed links', () => {
    interface Links {
      manifestUrl: string;
      hlsUrl: string;
      expiresAt: string;
    }
    const linksOf = async (filename: string, body?: unknown) =>
      request<Links & Problem>(`${server.url}/files/${filename}/links`, {
        method: 'POST',
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    const forbidden = {
      status: 403,
      code: 'link_invalid',
      detail: 'This link is invalid or has expired. Ask for a new one.',
    };

    it('a whole track is served from a link, by relative addresses that keep the signature', async () => {
      const { body } = await linksOf('song-1.wav');
      const manifest = await getManifest(server.url, body);
      const urls = [manifest.initUrl, ...manifest.segments.map(({ url }) => url)];
      for (const url of urls) {
        expect(url).toMatch(/\/signed\/[^/]+\/song-1\.wav\/segment\//);
        const [first, again] = [await download(url), await download(url)];
        expect(first.equals(again)).toBe(true);
      }
      const master = await request<string>(server.url + body.hlsUrl);
      const [playlist] = master.body.split('\n').filter((line) => /^[^#]/.test(line));
      const media = await request<string>(new URL(playlist ?? '', server.url + body.hlsUrl).href);
      expect(media.body).toContain('#EXT-X-ENDLIST');
      expect(Date.parse(body.expiresAt) - Date.now()).toBeGreaterThan(23 * 3600_000);
    });

    it('responses to a client with a key contain signed addresses', async () => {
      const { body } = await request<Links>(`${server.url}/files/song-1.wav`, { headers });
      expect((await fetch(server.url + body.manifestUrl)).status).toBe(200);
      expect((await fetch(server.url + body.hlsUrl)).status).toBe(200);
    });

    it('a missing signature, a wrong one, and that of another track open nothing, cached or not', async () => {
      await request(`${server.url}/upload?wait=ready`, { method: 'POST', headers, body: form(2) });
      const { body } = await linksOf('song-1.wav');
      const manifest = await getManifest(server.url, body);
      const segment = manifest.segments[0]?.url as string;
      await download(segment);
      const [, , signature = ''] = body.manifestUrl.split('/');
      const [expires = '', mac = ''] = signature.split('.');
      const later = (Number.parseInt(expires, 36) + 9999).toString(36);
      const other = mac.startsWith('A') ? 'B' : 'A';
      for (const path of [new URL(segment).pathname, body.manifestUrl, body.hlsUrl]) {
        const unsigned = path.replace(`/signed/${signature}`, '/stream');
        const ways = [
          unsigned,
          path.replace('song-1.wav', 'song-2.wav'),
          path.replace('song-1.wav', 'nobody.wav'),
          path.replace(expires, later),
          path.replace(mac, other + mac.slice(1)),
          path.replace(mac, ''),
          path.replace(signature, '0'),
        ];
        for (const way of ways) {
          const answer = await request<Problem>(server.url + way);
          expect({ ...answer.body, type: undefined, title: undefined }, way).toEqual(forbidden);
        }
        // A key does not open a stream, for players have none.
        expect((await request(server.url + unsigned, { headers })).status).toBe(403);
      }
    });

    it('a link to a deleted track does not open a later track of the same name, cached or not', async () => {
      const names = new Set<string>();
      for (const seed of [5, 5, 6]) {
        const body = new FormData();
        body.append('file', form(seed).get('file') as Blob, 'reused.wav');
        await request(`${server.url}/upload?wait=ready`, { method: 'POST', headers, body });
        const links = (await linksOf('reused.wav')).body;
        const manifest = await getManifest(server.url, links);
        await download(manifest.segments[0]?.url as string);
        for (const old of names) expect((await request(old)).status, old).toBe(403);
        for (const { pathname } of [manifest.url, manifest.segments[0]?.url ?? ''].map(
          (url) => new URL(url),
        )) {
          const segment = pathname.replace(/.*\//, '');
          // The same bytes under the same name may encode differently, so their segments have other names.
          if (segment !== 'manifest') expect([...names].join()).not.toContain(segment);
          names.add(server.url + pathname);
        }
        await request(`${server.url}/files/reused.wav`, { method: 'DELETE', headers });
        for (const old of names) expect((await request(old)).status, old).toBe(403);
      }
    });

    it('an expired link opens nothing', async () => {
      const { body } = await linksOf('song-1.wav', { expiresInSeconds: 60 });
      expect(Date.parse(body.expiresAt) - Date.now()).toBeLessThanOrEqual(61_000);
      expect((await fetch(server.url + body.manifestUrl)).status).toBe(200);
      vi.spyOn(Date, 'now').mockReturnValue(Date.parse(body.expiresAt) + 1);
      try {
        expect((await request(server.url + body.manifestUrl)).status).toBe(403);
      } finally {
        vi.restoreAllMocks();
      }
    });

    it.each([[{ expiresInSeconds: 0 }], [{ expiresInSeconds: 1.5 }], [{ expiresInSeconds: '60' }]])(
      'are not made for %j',
      async (wanted) => {
        const { status, body } = await linksOf('song-1.wav', wanted);
        expect([status, body.code]).toEqual([400, 'invalid_body']);
        expect(body).toMatchObject({ errors: [{ pointer: '#/expiresInSeconds' }] });
      },
    );

    it('are made only for existing tracks', async () => {
      expect((await linksOf('nobody.wav')).body.code).toBe('track_not_found');
    });

    it('can be read from pages of other sites, as all streams', async () => {
      const { body } = await linksOf('song-1.wav');
      const preflight = await fetch(server.url + body.manifestUrl, { method: 'OPTIONS' });
      expect(preflight.status).toBe(204);
      for (const path of [body.manifestUrl, '/signed/0/x/manifest']) {
        expect((await fetch(server.url + path)).headers.get('access-control-allow-origin')).toBe('*');
      }
    });
  });
});

describe('a server without STREAM_SECRET', () => {
  it('makes links that are open to all and do not expire', async () => {
    const server = await startServerWith(['song.wav']);
    const { body } = await request(`${server.url}/files/song.wav/links`, { method: 'POST' });
    expect(body).toEqual({
      manifestUrl: '/stream/song.wav/manifest',
      hlsUrl: '/stream/song.wav/master.m3u8',
      expiresAt: null,
    });
  });
});

describe('a signature', () => {
  const track = { filename: 'a b.mp3', uploadId: 'one', uploadedAt: '2026-11-24T10:00:00.000Z' };

  it('is valid for one name, one upload and one expiry together', () => {
    const links = createSignedLinks(SECRET);
    const [, , signature = '', filename = ''] = links.to(track, 60).path.split('/');
    // Twice, for valid signatures are remembered.
    for (const _ of [1, 2]) {
      expect(links.admits(signature, track)).toBe(true);
      expect(links.admits(signature, { ...track, filename })).toBe(false);
      expect(links.admits(signature, { ...track, uploadId: 'two' })).toBe(false);
      expect(links.admits(signature, undefined)).toBe(false);
      expect(createSignedLinks(`${SECRET}.`).admits(signature, track)).toBe(false);
      expect(links.admits(undefined, track)).toBe(false);
    }
  });

  it('is valid for the time of the upload if the record is older than the names of uploads', () => {
    const links = createSignedLinks(SECRET);
    const old = { ...track, uploadId: null };
    const [, , signature = ''] = links.to(old, 60).path.split('/');
    expect(links.admits(signature, old)).toBe(true);
    expect(links.admits(signature, { ...old, uploadedAt: '2026-11-24T10:00:00.001Z' })).toBe(false);
  });

  it('stays the same for a while by default, so that caches can keep its streams', () => {
    const links = createSignedLinks(SECRET);
    const now = Date.parse('2026-11-24T10:00:01Z');
    vi.spyOn(Date, 'now').mockReturnValue(now);
    const first = links.to(track);
    vi.spyOn(Date, 'now').mockReturnValue(now + 3500_000);
    expect(links.to(track)).toEqual(first);
    vi.spyOn(Date, 'now').mockReturnValue(now + 3700_000);
    expect(links.to(track)).not.toEqual(first);
    vi.restoreAllMocks();
  });
});

describe('a keyring', () => {
  const keyring = createKeyring([
    { name: 'a', key: KEY },
    { name: 'b', key: `${KEY}b` },
  ]);
  it.each([
    [`Bearer ${KEY}`, 'a'],
    [`bearer   ${KEY}b`, 'b'],
    [`Bearer ${KEY} b`, undefined],
    ['', undefined],
  ])('finds the key of "%s"', (authorization, name) => {
    expect(keyring.holderOf({ headers: { authorization } })).toBe(name);
  });
});

describe('rate limits', () => {
  const refused = { status: 429, code: 'rate_limited' };

  it('count per address, and uploads apart from other requests', async () => {
    const server = await startServer({ RATE_LIMIT: '3', UPLOAD_RATE_LIMIT: '2', TRUST_PROXY: '127.0.0.1' });
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    const list = (address: string) => request<Problem>(`${server.url}/files`, from(address));
    for (let n = 0; n < 3; n++) expect((await list('192.0.2.1')).status).toBe(200);
    const { status, headers, body } = await list('192.0.2.1');
    expect({ status, code: body.code }).toEqual(refused);
    const seconds = Number(headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(60);
    expect((await list('192.0.2.2')).status).toBe(200);
    const post = () => request<Problem>(`${server.url}/upload`, { method: 'POST', ...from('192.0.2.1') });
    expect([(await post()).status, (await post()).status, (await post()).status]).toEqual([400, 400, 429]);
    // Streams, the page and health checks have no limit.
    for (const path of ['/stream/x/manifest', '/', '/healthz', '/openapi.json']) {
      const statuses = await Promise.all(
        Array.from({ length: 8 }, async () => (await fetch(server.url + path, from('192.0.2.1'))).status),
      );
      expect(statuses, path).not.toContain(429);
    }
  });

  it('use the address of the connection, and X-Forwarded-For only from a trusted proxy', async () => {
    const server = await startServer({ RATE_LIMIT: '2' });
    const list = (n: number) =>
      request<Problem>(`${server.url}/files`, { headers: { 'x-forwarded-for': `192.0.2.${n}` } });
    expect([(await list(1)).status, (await list(2)).status, (await list(3)).status]).toEqual([200, 200, 429]);
  });

  it('count requests with wrong keys', async () => {
    const server = await startServer({ RATE_LIMIT: '2', ...LOCKED });
    const attempt = () => request<Problem>(`${server.url}/files`, { headers: { authorization: 'Bearer x' } });
    expect([(await attempt()).status, (await attempt()).status, (await attempt()).status]).toEqual([
      401, 401, 429,
    ]);
  });
});

describe('security headers', () => {
  it('are strict on the page and the API, and missing on streams', async () => {
    const server = await startServerWith(['song.wav']);
    const header = async (path: string, name: string) => (await fetch(server.url + path)).headers.get(name);
    for (const path of ['/', '/assets/app.js', '/files', '/files/song.wav', '/docs/']) {
      const policy = await header(path, 'content-security-policy');
      expect(policy, path).toContain("default-src 'none'");
      expect(policy, path).toContain("script-src 'self';");
      expect(await header(path, 'x-content-type-options'), path).toBe('nosniff');
      expect(await header(path, 'strict-transport-security'), path).toBe(null);
    }
    for (const path of ['/stream/song.wav/manifest', '/stream/nobody/manifest']) {
      expect(await header(path, 'content-security-policy'), path).toBe(null);
    }
    const page = await (await fetch(server.url)).text();
    expect(page).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|style=/);
  });
});
