/** What pages of other sites can do: nothing, whatever name they gave the server. */
import { request as httpRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { sendRaw } from '../../../torture/raw-http.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const KEY = 'phone-key-0123456789-0123456789-0123456789';
type Headers = Record<string, string>;

/** @returns status and code. As `fetch` does not let headers of browsers be set. */
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
  ['POST', '/files/song.wav/retry'],
  ['POST', '/files/song.wav/links'],
] as const;

describe('without keys', () => {
  let server: TestServer;
  let own: string;
  beforeAll(async () => {
    server = await startServer({ PUBLIC_URL: 'https://music.example.org/audio' });
    own = new URL(server.url).host;
  });

  it.each<[string, (own: string) => Headers]>([
    ['a page of another site', () => ({ origin: 'https://evil.example' })],
    ['one whose origin is hidden', () => ({ origin: 'null' })],
    ['one on another port', () => ({ origin: 'http://127.0.0.1:1' })],
    ['one that a browser calls foreign', () => ({ 'sec-fetch-site': 'cross-site' })],
    ['one of the same site', () => ({ 'sec-fetch-site': 'same-site', origin: 'https://example.org' })],
    ['one that names itself well', () => ({ origin: 'https://music.example.org.evil.example' })],
  ])('%s changes nothing', async (_what, headersFor) => {
    for (const [method, path] of WRITES) {
      const answer = await ask(server, method, path, headersFor(own));
      expect(answer, path).toEqual([403, 'cross_origin']);
    }
  });

  it.each<[string, (own: string) => Headers]>([
    ['a program', () => ({})],
    ['the page', (host) => ({ origin: `http://${host}`, 'sec-fetch-site': 'same-origin' })],
    ['the page in a browser that tells less', (host) => ({ origin: `http://${host}` })],
    ['the page behind a proxy with another name', () => ({ 'sec-fetch-site': 'same-origin' })],
    ['the page under PUBLIC_URL', () => ({ origin: 'https://music.example.org' })],
    [
      'the page by its public name',
      () => ({ host: 'music.example.org', origin: 'https://music.example.org' }),
    ],
    ['the address bar', () => ({ 'sec-fetch-site': 'none' })],
  ])('%s does', async (_what, headersFor) => {
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
  ])('a name that was made to lead here lists nothing: "%s"', async (host) => {
    // Whatever it says of itself.
    const headers = { host, 'x-forwarded-host': 'localhost', origin: `http://${host}` };
    for (const [method, path] of [...WRITES, ['GET', '/files'], ['GET', '/events']] as const) {
      expect(await ask(server, method, path, headers), path).toEqual([421, 'unknown_host']);
    }
  });

  it.each(['localhost', 'LOCALHOST:80', '127.0.0.1:9', '[::1]:8000', 'music.example.org'])(
    'the name "%s" lists',
    async (host) => {
      expect(await ask(server, 'GET', '/files', { host })).toEqual([200, undefined]);
    },
  );

  it('a request of HTTP/1.0 that says no name lists nothing', async () => {
    const bytes = Buffer.from('GET /files HTTP/1.0\r\n\r\n');
    expect((await sendRaw(server.url, { bytes })).status).toBe(421);
  });

  it('streams and the page are open to any of them', async () => {
    const headers = { host: 'evil.example', origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
    expect(await ask(server, 'GET', '/stream/x/manifest', headers)).toEqual([404, 'track_not_found']);
    expect((await ask(server, 'GET', '/', headers))[0]).toBe(200);
  });

  it('/readyz tells only its status under another name', async () => {
    const bytesFor = (host: string) =>
      Buffer.from(`GET /readyz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    const foreign = await sendRaw(server.url, { bytes: bytesFor('evil.example') });
    const own = await sendRaw(server.url, { bytes: bytesFor('localhost') });
    expect([foreign.body, own.body].map((body) => Object.keys(JSON.parse(body)).includes('inUse'))).toEqual([
      false,
      true,
    ]);
  });

  it('the description of the API says so', async () => {
    const { paths } = (await (await fetch(`${server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { responses: object }>>;
    };
    expect(Object.keys(paths['/upload']?.post?.responses ?? {})).toEqual(
      expect.arrayContaining(['403', '421']),
    );
    expect(Object.keys(paths['/healthz']?.get?.responses ?? {})).toEqual(['200']);
  });
});

it('with keys it is the key that counts', async () => {
  const server = await startServer({ API_KEYS: `phone:${KEY}` });
  const headers = { host: 'x', origin: 'app://player', 'sec-fetch-site': 'cross-site' };
  expect(await ask(server, 'POST', '/upload', headers)).toEqual([401, 'unauthorized']);
  const keyed = { ...headers, authorization: `Bearer ${KEY}` };
  expect(await ask(server, 'POST', '/upload', keyed)).toEqual([400, 'not_multipart']);
});

it('open to other machines it answers to any name, and still to no page of others', async () => {
  const server = await startServer({ HOST: '0.0.0.0', ALLOW_ANONYMOUS: 'true' });
  expect(await ask(server, 'GET', '/files', { host: 'nas.local' })).toEqual([200, undefined]);
  const own = { host: 'nas.local', origin: 'http://nas.local' };
  expect(await ask(server, 'POST', '/upload', own)).toEqual([400, 'not_multipart']);
  const foreign = { host: 'nas.local', origin: 'http://evil.example' };
  expect(await ask(server, 'POST', '/upload', foreign)).toEqual([403, 'cross_origin']);
});
