/** Keeps pages of other sites out, whatever name they give the server. */
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { sendRaw } from '../../../torture/raw-http.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const KEY = 'phone-key-0123456789-0123456789-0123456789';
type Headers = Record<string, string>;

/** Sends a request with headers of a browser, which `fetch` cannot set. Resolves with status and code. */
async function ask(server: TestServer, method: string, path: string, headers: Headers) {
  const sent = httpRequest(server.url + path, { method, headers });
  const answer = await new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject).end();
  });
  const body = await text(answer);
  const isJson = /json/.test(answer.headers['content-type'] ?? '');
  return [answer.statusCode, isJson ? JSON.parse(body).code : undefined];
}

const WRITES = [
  ['POST', '/upload'],
  ['DELETE', '/files/song.wav'],
  ['PATCH', '/files/song.wav'],
  ['POST', '/files/song.wav/retry'],
  ['POST', '/files/song.wav/links'],
] as const;

describe('a server without API keys', () => {
  let server: TestServer;
  let own: string;
  beforeAll(async () => {
    server = await startServer({ PUBLIC_URL: 'https://music.example.org/audio' });
    own = new URL(server.url).host;
  });

  it.each<[string, (own: string) => Headers]>([
    ['a page of another site', () => ({ origin: 'https://evil.example' })],
    ['a page with a hidden origin', () => ({ origin: 'null' })],
    ['a page on another port', () => ({ origin: 'http://127.0.0.1:1' })],
    ['a page that the browser reports as cross-site', () => ({ 'sec-fetch-site': 'cross-site' })],
    ['a page of the same site', () => ({ 'sec-fetch-site': 'same-site', origin: 'https://example.org' })],
    ['a page with a similar name', () => ({ origin: 'https://music.example.org.evil.example' })],
  ])('refuses changes by %s', async (_what, headersFor) => {
    for (const [method, path] of WRITES) {
      const answer = await ask(server, method, path, headersFor(own));
      expect(answer, path).toEqual([403, 'cross_origin']);
    }
  });

  it.each<[string, (own: string) => Headers]>([
    ['a program', () => ({})],
    ['the page', (host) => ({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })],
    ['the page in a browser without Sec-Fetch-Site', (host) => ({ origin: `http://${host}` })],
    ['the page behind a proxy with another name', () => ({ 'sec-fetch-site': 'same-origin' })],
    ['the page under PUBLIC_URL', () => ({ origin: 'https://music.example.org' })],
    [
      'the page by its public name',
      () => ({ host: 'music.example.org', origin: 'https://music.example.org' }),
    ],
    ['the address bar', () => ({ 'sec-fetch-site': 'none' })],
  ])('accepts changes by %s', async (_what, headersFor) => {
    expect(await ask(server, 'POST', '/upload', headersFor(own))).toEqual([400, 'not_multipart']);
    expect(await ask(server, 'DELETE', '/files/song.wav', headersFor(own))).toEqual([404, 'track_not_found']);
  });

  it.each([
    'evil.example',
    'evil.example:8000',
    '192.0.2.1',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    'x@y',
  ])('refuses the unknown host name "%s"', async (host) => {
    // Other headers make no difference.
    const headers = { host, 'x-forwarded-host': 'localhost', origin: `http://${host}` };
    for (const [method, path] of [...WRITES, ['GET', '/files'], ['GET', '/events']] as const) {
      expect(await ask(server, method, path, headers), path).toEqual([421, 'unknown_host']);
    }
  });

  it.each(['localhost', 'LOCALHOST:80', '127.0.0.1:9', '[::1]:8000', 'music.example.org'])(
    'accepts the host name "%s"',
    async (host) => {
      expect(await ask(server, 'GET', '/files', { host })).toEqual([200, undefined]);
    },
  );

  it('refuses a request of HTTP/1.0 without a host name', async () => {
    const bytes = Buffer.from('GET /files HTTP/1.0\r\n\r\n');
    expect((await sendRaw(server.url, { bytes })).status).toBe(421);
  });

  it('serves streams and the page under any name', async () => {
    const headers = { host: 'evil.example', origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    expect(await ask(server, 'GET', '/stream/x/manifest', headers)).toEqual([404, 'track_not_found']);
    expect((await ask(server, 'GET', '/', headers))[0]).toBe(200);
  });

  it('shows only the status in /readyz under an unknown name', async () => {
    const bytesFor = (host: string) =>
      Buffer.from(`GET /readyz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const foreign = await sendRaw(server.url, { bytes: bytesFor('evil.example') });
    const own = await sendRaw(server.url, { bytes: bytesFor('localhost') });
    expect([foreign.body, own.body].map((body) => Object.keys(JSON.parse(body)).includes('inUse'))).toEqual([
      false,
      true,
    ]);
  });

  it('describes this in its OpenAPI description', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { responses: object }>>;
    };
    expect(Object.keys(paths['/upload']?.post?.responses ?? {})).toEqual(
      expect.arrayContaining(['403', '421']),
    );
    expect(Object.keys(paths['/healthz']?.get?.responses ?? {})).toEqual(['200']);
  });
});

it('a server with API keys checks only the key', async () => {
  const server = await startServer({ API_KEYS: `phone:${KEY}` });
  const headers = { host: 'x', origin: 'app://player', 'sec-fetch-site': 'cross-site' };
  expect(await ask(server, 'POST', '/upload', headers)).toEqual([401, 'unauthorized']);
  const keyed = { ...headers, authorization: `Bearer ${KEY}` };
  expect(await ask(server, 'POST', '/upload', keyed)).toEqual([400, 'not_multipart']);
});

it('a server that other machines can reach accepts any name, and still no page of another site', async () => {
  const server = await startServer({ HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' });
  expect(await ask(server, 'GET', '/files', { host: 'nas.local' })).toEqual([200, undefined]);
  const own = { host: 'nas.local', origin: 'http://nas.local' };
  expect(await ask(server, 'POST', '/upload', own)).toEqual([400, 'not_multipart']);
  const foreign = { host: 'nas.local', origin: 'http://evil.example' };
  expect(await ask(server, 'POST', '/upload', foreign)).toEqual([403, 'cross_origin']);
});
