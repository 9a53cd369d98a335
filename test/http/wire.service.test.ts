/** Checks the HTTP features that players, proxies and browsers rely on, over a raw connection. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { pino } from 'pino';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildApp } from '../../src/app.ts';
import { isWholeSegment } from '../../src/encoding/boxes.ts';
import { cacheSegments } from '../../src/storage/cache.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { noise, wav } from '../support/audio.ts';
import { getManifest, getTrack, upload } from '../support/client.ts';
import { startServerWith } from '../support/prepared.ts';
import { startServer, type TestServer } from '../support/server.ts';

interface RawAnswer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: Buffer;
}

/** Sends a request and returns the raw response: nothing is decompressed, followed, or added. */
function raw(
  url: string,
  headers: http.OutgoingHttpHeaders = {},
  { method = 'GET', agent }: { method?: string; agent?: http.Agent } = {},
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, ...(agent && { agent }) }, async (response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk as Buffer);
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: Buffer.concat(chunks),
      });
    });
    request.once('error', reject).end();
  });
}

let server: TestServer;
let segment: string;
let init: string;
let texts: string[];
beforeAll(async () => {
  server = await startServerWith(['song.wav']);
  const manifest = await getManifest(server.url, await getTrack(server.url, 'song.wav'));
  segment = manifest.segments[1]?.url as string;
  init = manifest.initUrl;
  texts = ['manifest', 'master.m3u8', 'aac-128k.m3u8'].map((name) => `${server.url}/stream/song.wav/${name}`);
});

describe('a segment', () => {
  it('has all headers for caches', async () => {
    for (const url of [init, segment]) {
      const { status, headers, body } = await raw(url);
      expect(status).toBe(200);
      expect(headers).toMatchObject({
        'content-type': 'audio/mp4',
        'content-length': String(body.length),
        'cache-control': 'public, max-age=31536000, immutable',
        'accept-ranges': 'bytes',
        etag: expect.stringMatching(/^"[0-9a-z]+-[0-9a-z]+"$/),
        date: expect.any(String),
        'access-control-allow-origin': '*',
        'access-control-expose-headers': 'Content-Length, Content-Range, ETag, Date, Retry-After',
        'timing-allow-origin': '*',
        connection: 'keep-alive',
      });
      expect(headers).not.toHaveProperty('transfer-encoding');
      expect(headers).not.toHaveProperty('content-encoding');
      expect(headers).not.toHaveProperty('vary');
    }
  });

  it('answers HEAD as GET without the body', async () => {
    for (const url of [init, segment, ...texts]) {
      const [get, head] = [await raw(url), await raw(url, {}, { method: 'HEAD' })];
      const { date: _, ...same } = get.headers;
      expect(head.status).toBe(200);
      expect(head.headers).toMatchObject(same);
      expect(head.body).toHaveLength(0);
    }
  });

  it.each([
    ['its tag', (etag: string) => etag],
    ['its tag, weak', (etag: string) => `W/${etag}`],
    ['its tag among others', (etag: string) => `"other", ${etag} , "third"`],
    ['any', () => '*'],
  ])('answers If-None-Match with %s by 304, with headers and no body', async (_, header) => {
    const { headers } = await raw(segment);
    const answer = await raw(segment, { 'if-none-match': header(headers.etag as string) });
    expect([answer.status, answer.body.length]).toEqual([304, 0]);
    for (const name of ['etag', 'cache-control', 'access-control-allow-origin'])
      expect(answer.headers[name]).toBe(headers[name]);
    expect(answer.headers).not.toHaveProperty('content-type');
  });

  it('answers If-None-Match with another tag by all bytes', async () => {
    expect((await raw(segment, { 'if-none-match': '"other"' })).status).toBe(200);
  });

  it('answers a single range of every form by 206', async () => {
    const { body, headers } = await raw(segment);
    const n = body.length;
    const rows: [string, number, number][] = [
      ['bytes=0-0', 0, 0],
      ['bytes=100-199', 100, 199],
      ['bytes=100-', 100, n - 1],
      ['bytes=-100', n - 100, n - 1],
      [`bytes=0-${n + 1000}`, 0, n - 1],
      [`bytes=-${n + 1000}`, 0, n - 1],
    ];
    for (const [range, from, to] of rows) {
      const part = await raw(segment, { range });
      expect([part.status, part.headers['content-range']], range).toEqual([206, `bytes ${from}-${to}/${n}`]);
      expect(part.headers['content-length']).toBe(String(to - from + 1));
      expect(part.headers['content-type']).toBe('audio/mp4');
      expect(part.headers.etag).toBe(headers.etag);
      expect(part.body.equals(body.subarray(from, to + 1))).toBe(true);
    }
  });

  it('answers a range after the end by 416 with the length', async () => {
    const { body } = await raw(segment);
    for (const range of [
      `bytes=${body.length}-`,
      'bytes=-0',
      `bytes=${body.length + 5}-${body.length + 9}`,
    ]) {
      const answer = await raw(segment, { range });
      expect([answer.status, answer.headers['content-range']]).toEqual([416, `bytes */${body.length}`]);
      expect(answer.body).toHaveLength(0);
    }
  });

  it.each(['bytes=0-1,4-5', 'bytes=5-1', 'bytes=', 'bytes=a-b', 'frames=0-1', 'bytes'])(
    'answers the range %s by all bytes',
    async (range) => expect((await raw(segment, { range })).status).toBe(200),
  );

  it('answers If-Range with its tag by a part, and with another tag, a weak one or a date by all bytes', async () => {
    const { headers } = await raw(segment);
    const status = async (ifRange: string) =>
      (await raw(segment, { range: 'bytes=0-9', 'if-range': ifRange })).status;
    expect(await status(headers.etag as string)).toBe(206);
    for (const other of ['"other"', `W/${headers.etag}`, 'Tue, 24 Nov 2026 12:00:00 GMT'])
      expect(await status(other)).toBe(200);
  });

  it('checks If-None-Match before Range', async () => {
    const { headers } = await raw(segment);
    const both = { range: 'bytes=0-9', 'if-none-match': headers.etag as string };
    expect((await raw(segment, both)).status).toBe(304);
  });

  it('answers many requests on one connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number>();
    const count = (request: http.IncomingMessage) => ports.add(request.socket.remotePort ?? 0);
    server.app.server.on('request', count);
    for (const url of [segment, init, ...texts, segment]) await raw(url, {}, { agent });
    await raw(segment, { range: 'bytes=999999999-' }, { agent });
    await raw(segment, { 'if-none-match': '*' }, { agent });
    await raw(segment, {}, { agent, method: 'HEAD' });
    expect((await raw(segment, {}, { agent })).status).toBe(200);
    server.app.server.off('request', count);
    expect(ports.size).toBe(1);
    agent.destroy();
  });
});

describe('after a restart', () => {
  it('a thousand simultaneous requests read the disk once, and later ones do not read it', async () => {
    const first = await startServerWith(['short.wav']);
    const track = await getTrack(first.url, 'short.wav');
    const [{ url } = { url: '' }] = (await getManifest(first.url, track)).segments;
    const { body: bytes, headers } = await raw(url);
    await first.close();

    const next = await startServer({ DATA_DIR: first.dataDir });
    let reads = 0;
    const disk = await openDiskStorage(first.dataDir);
    const counted: Storage = {
      ...disk,
      readSegment(filename, name) {
        reads++;
        return disk.readSegment(filename, name);
      },
    };
    const storage = cacheSegments(counted, { maxBytes: 10_000_000, isWhole: isWholeSegment });
    const { app, address } = await another(next, { storage });
    const agent = new http.Agent({ maxSockets: 1000 });
    const path = new URL(url).pathname;
    const answers = Array.from({ length: 1000 }, () => raw(address + path, {}, { agent }));
    for (const answer of await Promise.all(answers)) {
      expect(answer.status).toBe(200);
      expect(answer.headers.etag).toBe(headers.etag);
      expect(answer.body.equals(bytes)).toBe(true);
    }
    expect((await raw(address + path)).body.equals(bytes)).toBe(true);
    expect(reads).toBe(1);
    await app.close();
    await next.close();
  });
});

/** Starts the same server on another port, with changed services. */
async function another({ services, config }: TestServer, changes: Partial<TestServer['services']>) {
  const own = { stopWork: async () => {}, close: async () => {} };
  const app = await buildApp({ ...services, ...own, ...changes }, config);
  await app.listen({ host: '127.0.0.1', port: 0 });
  return { app, address: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` };
}

describe('a manifest or playlist', () => {
  it('is revalidated before each use, and not sent again if unchanged', async () => {
    for (const url of texts) {
      const { headers } = await raw(url);
      expect(headers['cache-control']).toBe('no-cache');
      expect(headers.vary).toBe('Accept-Encoding');
      const again = await raw(url, { 'if-none-match': headers.etag as string });
      expect([again.status, again.headers.vary]).toEqual([304, 'Accept-Encoding']);
    }
  });

  it.each<[string, string | undefined, string | undefined]>([
    ['nothing', undefined, undefined],
    ['gzip', 'gzip', 'gzip'],
    ['the codings of browsers', 'gzip, deflate, br, zstd', 'br'],
    ['a preference', 'br;q=0.5, gzip;q=0.9', 'gzip'],
    ['an unsupported coding', 'zstd', undefined],
    ['no gzip', 'gzip;q=0', undefined],
    ['anything', '*', 'br'],
  ])('has the preferred coding for a client that accepts %s', async (_, accepted, encoding) => {
    for (const url of texts) {
      const plain = await raw(url);
      const answer = await raw(url, accepted === undefined ? {} : { 'accept-encoding': accepted });
      expect(answer.headers['content-encoding']).toBe(encoding);
      const unpack =
        { br: brotliDecompressSync, gzip: gunzipSync }[encoding ?? ''] ?? ((bytes: Buffer) => bytes);
      expect(unpack(answer.body).equals(plain.body)).toBe(true);
      // Each coding has its own entity tag (RFC 9110 section 8.8.3).
      expect(answer.headers.etag === plain.headers.etag).toBe(encoding === undefined);
      const etag = answer.headers.etag as string;
      const again = await raw(url, { 'accept-encoding': accepted ?? 'identity', 'if-none-match': etag });
      expect(again.status).toBe(304);
    }
  });

  it('changes when its track changes', async () => {
    const own = await startServer({ AUDIO_LADDER: 'aac@128k', SEGMENT_SECONDS: '1' });
    const sound = { name: 'a.wav', bytes: wav(noise({ samples: 300_000, seed: 9 })) };
    await upload(own.url, sound, '');
    const url = `${own.url}/stream/a.wav/master.m3u8`;
    const early = await raw(url);
    await upload(own.url, sound, '?wait=ready');
    const final = await raw(url);
    expect([early.status, final.status]).toEqual([200, 200]);
    expect(final.body.toString()).toContain('AVERAGE-BANDWIDTH');
    await own.close();
  });
});

describe('the API', () => {
  it('compresses long responses, and sends Vary to caches', async () => {
    for (const url of [`${server.url}/files`, `${server.url}/files/song.wav`]) {
      const plain = await raw(url);
      const packed = await raw(url, { 'accept-encoding': 'gzip' });
      const isLong = plain.body.length >= 1024;
      expect(packed.headers['content-encoding']).toBe(isLong ? 'gzip' : undefined);
      expect(packed.headers.vary).toBe('Accept-Encoding');
      expect(JSON.parse((isLong ? gunzipSync(packed.body) : packed.body).toString())).toEqual(
        JSON.parse(plain.body.toString()),
      );
      expect(Number(packed.headers['content-length'])).toBe(packed.body.length);
    }
  });
});

describe('players on other sites', () => {
  it('get a preflight response that browsers cache for a day', async () => {
    for (const url of [segment, ...texts]) {
      const { status, headers, body } = await raw(
        url,
        {
          origin: 'https://player.example',
          'access-control-request-method': 'GET',
          'access-control-request-headers': 'range',
        },
        { method: 'OPTIONS' },
      );
      expect([status, body.length]).toEqual([204, 0]);
      expect(headers).toMatchObject({
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET, HEAD',
        'access-control-allow-headers': 'range',
        'access-control-max-age': '86400',
      });
    }
  });

  it('can read errors as well', async () => {
    const missing = await raw(`${server.url}/stream/none.mp3/manifest`, { origin: 'https://player.example' });
    expect([missing.status, missing.headers['access-control-allow-origin']]).toEqual([404, '*']);
    expect(missing.headers['cache-control']).toBe('no-store');
  });

  it('must be in CORS_ORIGIN, and caches keep their responses apart', async () => {
    const own = await startServerWith(['short.wav'], {
      CORS_ORIGIN: 'https://a.example,https://b.example',
    });
    const manifest = await getManifest(own.url, await getTrack(own.url, 'short.wav'));
    for (const url of [manifest.url, manifest.initUrl, `${own.url}/stream/none/manifest`]) {
      for (const origin of ['https://a.example', 'https://b.example', 'https://c.example', undefined]) {
        const { headers } = await raw(url, origin === undefined ? {} : { origin });
        const granted = origin === 'https://c.example' ? undefined : origin;
        expect(headers['access-control-allow-origin']).toBe(granted);
        expect(headers['timing-allow-origin']).toBe(granted);
        expect(headers.vary).toContain('Origin');
      }
    }
    await own.close();
  });
});

describe('PUBLIC_URL', () => {
  it('begins addresses in responses; addresses in manifests stay relative', async () => {
    const own = await startServer({ PUBLIC_URL: 'https://example.org/audio/' });
    const answer = await upload(own.url, { name: 'a b.wav', bytes: wav(noise({ samples: 3000 })) });
    await upload(own.url, { name: 'b.wav', bytes: wav(noise({ samples: 3000, seed: 2 })) });
    expect(answer.body.manifestUrl).toBe('https://example.org/audio/stream/a-b.wav/manifest');
    expect(answer.body.hlsUrl).toBe('https://example.org/audio/stream/a-b.wav/master.m3u8');
    expect(answer.headers.get('location')).toBe('https://example.org/audio/files/a-b.wav');
    const list = await raw(`${own.url}/files?limit=1`);
    expect(list.headers.link).toMatch(
      /^<https:\/\/example\.org\/audio\/files\?limit=1&cursor=[^>]+>; rel="next"$/,
    );
    const mpd = await raw(`${own.url}/stream/a-b.wav/manifest`);
    expect(mpd.body.toString()).not.toContain('example.org');
    await own.close();
  });
});

it('requests for streams are not logged at `info`', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) });
  const { app, address: url } = await another(server, { log });
  for (const address of [segment, init, ...texts]) await raw(url + new URL(address).pathname);
  expect(lines.filter((line) => line.includes('/stream/'))).toEqual([]);
  await raw(`${url}/files/song.wav`);
  expect(lines.filter((line) => line.includes('/files/song.wav'))).toHaveLength(1);
  await app.close();
});
