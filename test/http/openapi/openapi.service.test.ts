/** Checks the OpenAPI description: complete, correct, and usable by common tools. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { beforeAll, describe, expect, it } from 'vitest';
import { ERROR_STATUS } from '../../../src/errors.ts';
import { noise, wav } from '../../support/audio.ts';
import { getManifest } from '../../support/client.ts';
import { png } from '../../support/pictures.ts';
import { projectFolder } from '../../support/process.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { failingFfmpeg } from '../../support/slow-ffmpeg.ts';

interface Operation {
  operationId: string;
  summary: string;
  parameters?: { name: string; in: string; description?: string }[];
  responses: Record<string, { description: string; content?: object; headers?: Record<string, unknown> }>;
  security: object[];
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { securitySchemes?: object };
}

const KEY = 'phone-key-0123456789-0123456789-0123456789';
const headers = { authorization: `Bearer ${KEY}` };

let server: TestServer;
let document: Document;
beforeAll(async () => {
  server = await startServer({ API_KEYS: `phone:${KEY}`, RATE_LIMIT: '1000' });
  const answer = await fetch(`${server.url}/openapi.json`);
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
  document = (await answer.json()) as Document;
});

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );

it('is OpenAPI 3.1 without linter errors', async () => {
  expect(document.openapi).toMatch(/^3\.1\./);
  const config = await createConfig({
    extends: ['recommended'],
    // A request for these two cannot be wrong.
    rules: { 'operation-4xx-response': { severity: 'error', where: [] } },
  });
  const found = await lintFromString({
    source: JSON.stringify(document),
    config,
    absoluteRef: 'openapi.json',
  });
  const complaints = found.map(({ ruleId, location }) => `${ruleId} ${location[0]?.pointer}`);
  expect(complaints).toEqual([
    'operation-4xx-response #/paths/~1healthz/get/responses',
    'operation-4xx-response #/paths/~1readyz/get/responses',
  ]);
});

it('has every route of the server except the page and the description itself', async () => {
  const routes: string[] = [];
  const parents: string[] = [];
  // Fastify lists all routes only as a tree, with four characters for each level.
  for (const line of server.app.printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', part] = /^([│├└─\s]*)(\S.*?) \(/.exec(line) ?? [];
    if (part === undefined) continue;
    parents.splice(indent.length / 4 - 1, Number.POSITIVE_INFINITY, part);
    routes.push(parents.join(''));
  }
  const isOwn = (route: string) => !/^\/($|assets|docs|openapi\.json|\*)/.test(route);
  const known = Object.fromEntries(
    await Promise.all(
      routes.filter(isOwn).map(async (route) => {
        // A 405 of the address lists its other methods. No address takes both of these.
        const answers = await Promise.all(
          ['PATCH', 'PUT'].map((method) =>
            fetch(server.url + route.replaceAll(':', ''), { method, headers }),
          ),
        );
        const allowed =
          answers
            .map((answer) => answer.headers.get('allow'))
            .find(Boolean)
            ?.split(', ') ?? [];
        return [route.replace(/:(\w+)/g, '{$1}'), allowed.filter((method) => method !== 'HEAD')] as const;
      }),
    ),
  );
  const described = Object.entries(document.paths).map(([path, methods]) => [
    path,
    Object.keys(methods)
      .map((method) => method.toUpperCase())
      .sort(),
  ]);
  expect(described.length).toBeGreaterThan(15);
  expect(Object.fromEntries(described)).toEqual(known);
});

it('describes every operation, parameter and field', () => {
  const ids = operations().map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, method, operation } of operations()) {
    const where = `${method} ${path}`;
    expect(operation.summary, where).toMatch(/\w/);
    for (const { name, description } of operation.parameters ?? [])
      expect(description, `${where} ${name}`).toMatch(/\w/);
    for (const [status, { description, headers = {} }] of Object.entries(operation.responses)) {
      expect(description, `${where} ${status}`).not.toBe('Default Response');
      if (status === '429' || (status === '503' && path !== '/readyz'))
        expect(headers).toHaveProperty('Retry-After');
      if (status === '401') expect(headers).toHaveProperty('WWW-Authenticate');
    }
    const isPrivate = !/^\/(stream|signed|healthz|readyz)/.test(path);
    expect(operation.security, where).toEqual(isPrivate ? [{ key: [] }] : []);
  }
});

it('declares no key for a server without API keys', async () => {
  const open = await startServer({ PUBLIC_URL: 'https://example.org/audio' });
  const described = await (await fetch(`${open.url}/openapi.json`)).json();
  expect(JSON.stringify(described)).not.toContain('bearer');
  expect(described.servers).toMatchObject([{ url: 'https://example.org/audio' }]);
});

describe('responses match the description', () => {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  const seen = new Set<string>();

  /** Sends a request, and checks the response against the description. */
  async function ask(operationId: string, url: string, init: RequestInit = {}): Promise<Response> {
    const found = operations().find(({ operation }) => operation.operationId === operationId);
    if (!found) throw new Error(`nothing is called ${operationId}`);
    const { path, method, operation } = found;
    const response = await fetch(url.startsWith('/') ? server.url + url : url, {
      method: method.toUpperCase(),
      headers,
      ...init,
    });
    const { status } = response;
    const described = operation.responses[status];
    expect(described, `${operationId} answers ${status}`).toBeDefined();
    seen.add(`${operationId} ${status}`);
    for (const name of Object.keys(described?.headers ?? {})) {
      if (name !== 'Link') expect(response.headers.has(name), `${operationId} ${status} ${name}`).toBe(true);
    }
    const [type = ''] = (response.headers.get('content-type') ?? '').split(';');
    expect(Object.keys(described?.content ?? {})).toEqual(type === '' ? [] : [type]);
    if (/json/.test(type)) {
      const pointer = ['paths', path, method, 'responses', String(status), 'content', type, 'schema']
        .map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
        .join('/');
      if (!ajv.getSchema('api')) ajv.addSchema(document, 'api');
      const validate = ajv.compile({ $ref: `api#/${pointer}` });
      validate(await response.clone().json());
      expect(validate.errors, `${operationId} ${status}`).toBe(null);
    }
    return response;
  }

  const send = (bytes: Buffer, name: string) => {
    const body = new FormData();
    body.append('file', new Blob([new Uint8Array(bytes)]), name);
    return { body };
  };
  const song = (seed: number) => wav(noise({ samples: 30_000, seed }));

  it('for a track from upload to delete', async () => {
    await ask('uploadFile', '/upload?wait=ready', send(song(1), 'song.wav'));
    await ask('uploadFile', '/upload', send(song(1), 'again.wav'));
    await ask('uploadFile', '/upload?wait=false', send(song(2), 'other.wav'));
    const listed = await ask('listFiles', '/files?limit=1');
    expect(listed.headers.get('link')).toMatch(/rel="next"/);
    const track = await (await ask('getFile', '/files/song.wav')).json();
    await ask('retryFile', '/files/song.wav/retry', {});
    const patch = (body: string, more = {}) => ({
      body,
      headers: { ...headers, 'content-type': 'application/merge-patch+json', ...more },
    });
    await ask(
      'editFile',
      '/files/song.wav',
      patch('{"tags":{"title":"Song","track":1},"metadata":{"externalId":"x"}}'),
    );
    await ask('editFile', '/files/song.wav', patch('{"tags":{"titel":"Song"}}'));
    await ask('editFile', '/files/song.wav', patch('{}', { 'if-match': '"other"' }));
    await ask('editFile', '/files/song.wav', patch('{}', { 'content-type': 'text/plain' }));
    await ask('editFile', '/files/nobody.wav', patch('{}'));
    await ask('listFiles', '/files?sort=title&status=ready&artist=x&q=song');
    const links = await (
      await ask('createLinks', '/files/song.wav/links', { body: '{"expiresInSeconds":60}' })
    ).json();
    expect(links.manifestUrl).toBe(track.manifestUrl);
    await ask('getManifest', track.manifestUrl);
    await ask('getMasterPlaylist', track.hlsUrl);
    await ask('getMediaPlaylist', '/stream/song.wav/aac-128k.m3u8');
    const { initUrl } = await getManifest(server.url, track);
    const first = await ask('getSegment', initUrl);
    await ask('getSegment', initUrl, { headers: { range: 'bytes=0-9' } });
    await ask('getSegment', initUrl, { headers: { range: 'bytes=999999-' } });
    await ask('getSegment', initUrl, { headers: { 'if-none-match': first.headers.get('etag') ?? '' } });
    const picture = png(4, 4);
    const covered = await (
      await ask('putFileCover', '/files/song.wav/cover', { body: new Uint8Array(picture) })
    ).json();
    const cover = await ask('getCover', covered.coverUrl);
    await ask('getCover', covered.coverUrl, { headers: { range: 'bytes=0-9' } });
    await ask('getFileCover', '/files/song.wav/cover?size=1000');
    const etag = cover.headers.get('etag') ?? '';
    await ask('getFileCover', '/files/song.wav/cover', { headers: { ...headers, 'if-none-match': etag } });
    await ask('deleteFileCover', '/files/song.wav/cover');
    await ask('followFile', '/files/song.wav/events');
    const stop = new AbortController();
    await ask('followFiles', '/events', { headers, signal: stop.signal });
    stop.abort();
    await ask('deleteFile', '/files/song.wav');
    await ask('getHealth', '/healthz');
    await ask('getReadiness', '/readyz');
  });

  it('for errors', async () => {
    await ask('uploadFile', '/upload', send(Buffer.from('no audio'), 'a.wav'));
    await ask('uploadFile', '/upload?wait=maybe', send(song(3), 'a.wav'));
    await ask('uploadFile', '/upload', { headers: {} });
    for (const query of ['limit=0', 'limit=1001', 'limit=x', 'cursor=x', 'q=a&q=b', 'limit=1&limit=2']) {
      const answer = await ask('listFiles', `/files?${query}`);
      expect(await answer.json(), query).toMatchObject({
        code: 'invalid_query',
        errors: [{ parameter: query.split('=')[0] }],
      });
    }
    await ask('listFiles', '/files', { headers: {} });
    for (const id of ['getFile', 'deleteFile']) await ask(id, '/files/nobody.wav');
    await ask('retryFile', '/files/nobody.wav/retry');
    await ask('getFileCover', '/files/nobody.wav/cover');
    await ask('getFileCover', '/files/nobody.wav/cover?size=1');
    await ask('getCover', '/stream/nobody.wav/cover');
    for (const id of ['putFileCover', 'deleteFileCover']) await ask(id, '/files/nobody.wav/cover');
    await ask('createLinks', '/files/nobody.wav/links');
    await ask('createLinks', '/files/nobody.wav/links', { body: '[]' });
    await ask('followFile', '/files/nobody.wav/events');
    await ask('getManifest', '/stream/nobody.wav/manifest');
    await ask('getMasterPlaylist', '/stream/nobody.wav/master.m3u8');
    await ask('getMediaPlaylist', '/stream/nobody.wav/aac-128k.m3u8');
    await ask('getSegment', '/stream/nobody.wav/segment/aac-128k-00000000-00001.m4s');
  });

  it('for a failed track that is retried', async () => {
    const { executable, failures } = await failingFfmpeg();
    const other = await startServer({ FFMPEG_PATH: executable, SANDBOX: 'off', API_KEYS: `phone:${KEY}` });
    await writeFile(failures, 'once more\n'.repeat(100));
    await ask('uploadFile', `${other.url}/upload`, send(song(4), 'bad.wav'));
    await ask('getFile', `${other.url}/files/bad.wav`);
    expect((await ask('retryFile', `${other.url}/files/bad.wav/retry`)).status).toBe(202);
  });

  it('for each usual response: all of them were checked', () => {
    for (const answer of [
      'uploadFile 200',
      'uploadFile 201',
      'uploadFile 202',
      'uploadFile 415',
      'listFiles 200',
    ]) {
      expect(seen).toContain(answer);
    }
    expect(seen.size).toBeGreaterThan(30);
  });
});

it('docs/api.md lists each error code once, with its status and what to do', async () => {
  const manual = await readFile(path.join(projectFolder, 'docs', 'api.md'), 'utf8');
  const rows = [...manual.matchAll(/^\| (\d{3}) \| (.*?) \| (.+?) \|$/gm)];
  const listed = rows.flatMap(([, status, codes]) =>
    [...(codes ?? '').matchAll(/`(\w+)`/g)].map(([, code]) => `${code} ${status}`),
  );
  // No client can receive that one.
  const expected = Object.entries(ERROR_STATUS).filter(([code]) => code !== 'client_closed');
  expect(listed.sort()).toEqual(expected.map(([code, status]) => `${code} ${status}`).sort());
});
