import Fastify, { type FastifyInstance } from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { errors } from '../../../src/errors.ts';
import { createSignedLinks } from '../../../src/http/access/signed-links.ts';
import { registerProblems } from '../../../src/http/problem.ts';
import { type SideFile, sideFile, sideFileRoutes } from '../../../src/http/streaming/side-files.ts';
import { createStreams } from '../../../src/http/streaming/stream.ts';
import type { Library } from '../../../src/library/library.ts';
import type { Services } from '../../../src/services.ts';
import { atEndOfFile } from '../../support/end-of-file.ts';
import { sampleTrack } from '../../support/sample-track.ts';

const SECRET = 'a secret of more than thirty-two characters';
const track = sampleTrack({ filename: 'söng.mp3' });
const library = { get: async (name: string) => (name === track.filename ? track : undefined) } as Library;

const picture: SideFile = sideFile({
  name: 'picture',
  id: 'Picture',
  summary: 'A picture',
  type: 'image/jpeg',
  query: { size: z.enum(['s', 'l'], '"size" must be s or l').default('s') },
  problems: ['segment_not_found'],
  async find({ filename }, { size }) {
    return { bytes: Buffer.from(`${size} ${filename}`), version: '1a2b' };
  },
});
const notes: SideFile = sideFile({
  name: 'notes.json',
  id: 'Notes',
  summary: 'Notes',
  type: 'application/json',
  isText: true,
  problems: [],
  find: async () => ({ bytes: Buffer.from(JSON.stringify('note '.repeat(1000))) }),
});
const none: SideFile = sideFile({
  name: 'none',
  id: 'None',
  summary: 'What no track has',
  type: 'image/jpeg',
  problems: ['segment_not_found'],
  find: async ({ filename }) => {
    throw errors.segmentNotFound(filename, 'none');
  },
});

async function app({ secret = null, corsOrigin = '*' as '*' | string[] } = {}) {
  const files = [picture, notes, none];
  const links = createSignedLinks(secret);
  const services = { library, storage: {} } as Services;
  const made: FastifyInstance = Fastify();
  atEndOfFile(() => made.close());
  made.setValidatorCompiler(validatorCompiler);
  made.setSerializerCompiler(serializerCompiler);
  registerProblems(made);
  made.addHook('onRequest', async (_request, reply) => {
    void reply.header('x-limit', '7');
    reply.raw.setHeader('x-frame-options', 'DENY');
  });
  await made.register(createStreams(services, { corsOrigin } as never, { links, sideFiles: files }).routes);
  await sideFileRoutes(made, { library, files });
  await made.ready();
  const get = (url: string, headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
    made.inject({ method, url, headers });
  return { get, links };
}

describe.each(['/stream', '/files'])('a side file below %s', (place) => {
  const address = `${place}/s%C3%B6ng.mp3`;

  it('is revalidated before each use, and not sent again if unchanged', async () => {
    const { get } = await app();
    const first = await get(`${address}/picture?size=l`);
    expect([first.statusCode, first.body]).toEqual([200, 'l söng.mp3']);
    expect(first.headers).toMatchObject({ 'content-type': 'image/jpeg', 'cache-control': 'no-cache' });
    const again = await get(`${address}/picture?size=l`, { 'if-none-match': String(first.headers.etag) });
    expect([again.statusCode, again.body]).toEqual([304, '']);
    const other = await get(`${address}/picture`, { 'if-none-match': String(first.headers.etag) });
    expect([other.statusCode, other.body]).toEqual([200, 's söng.mp3']);
  });

  it('never changes at an address with its version, and is revalidated at one with another', async () => {
    const { get } = await app();
    const caching = async (query: string) =>
      (await get(`${address}/picture?${query}`)).headers['cache-control'];
    const scope = place === '/files' ? 'private' : 'public';
    expect(await caching('v=1a2b')).toBe(`${scope}, max-age=31536000, immutable`);
    expect(await caching('v=other')).toBe('no-cache');
    expect((await get(`${address}/notes.json?v=`)).headers['cache-control']).toBe('no-cache');
  });

  it('answers HEAD as GET without the body', async () => {
    const { get } = await app();
    const [{ headers: whole }, head] = [
      await get(`${address}/picture`),
      await get(`${address}/picture`, {}, 'HEAD'),
    ];
    const { date: _date, ...headers } = head.headers;
    expect([head.statusCode, head.body]).toEqual([200, '']);
    expect(whole).toMatchObject(headers);
  });

  it('is compressed where it is text', async () => {
    const { get } = await app();
    const [plain, packed] = [
      await get(`${address}/notes.json`),
      await get(`${address}/notes.json`, { 'accept-encoding': 'gzip' }),
    ];
    expect(packed.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
    expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length / 10);
    expect(packed.headers.etag).not.toBe(plain.headers.etag);
    const picture = await get(`${address}/picture`, { 'accept-encoding': 'gzip' });
    expect(picture.headers).not.toHaveProperty('content-encoding');
  });

  it('is refused with a problem document where there is none, or the query is wrong', async () => {
    const { get } = await app();
    const codeOf = async (url: string) => {
      const { statusCode, body } = await get(url);
      return [statusCode, JSON.parse(body).code];
    };
    expect(await codeOf(`${address}/none`)).toEqual([404, 'segment_not_found']);
    expect(await codeOf(`${place}/nobody.mp3/picture`)).toEqual([404, 'track_not_found']);
    expect(await codeOf(`${address}/picture?size=xl`)).toEqual([400, 'invalid_query']);
    expect(await codeOf(`${address}/picture?v=1&v=2`)).toEqual([400, 'invalid_query']);
  });
});

it('a side file below /files keeps the headers of the API', async () => {
  const { headers } = await (await app()).get('/files/s%C3%B6ng.mp3/picture');
  expect(headers).toMatchObject({ 'x-limit': '7', 'x-frame-options': 'DENY' });
  expect(headers).not.toHaveProperty('access-control-allow-origin');
  expect(headers).not.toHaveProperty('cross-origin-resource-policy');
});

describe('a side file below /stream', () => {
  it('can be shown and read by pages of other sites', async () => {
    const { get } = await app();
    expect((await get('/stream/s%C3%B6ng.mp3/picture')).headers).toMatchObject({
      'access-control-allow-origin': '*',
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
    });
  });

  it('can be read by the pages of CORS_ORIGIN only', async () => {
    const { get } = await app({ corsOrigin: ['https://example.org'] });
    const granted = async (origin: string) =>
      (await get('/stream/s%C3%B6ng.mp3/picture', { origin })).headers['access-control-allow-origin'];
    expect(await granted('https://example.org')).toBe('https://example.org');
    expect(await granted('https://example.net')).toBe(undefined);
  });

  it('needs a valid link where links are signed', async () => {
    const { get, links } = await app({ secret: SECRET as never });
    const codeOf = async (url: string) => {
      const { statusCode, body } = await get(url);
      return [statusCode, statusCode === 200 ? body : JSON.parse(body).code];
    };
    expect(await codeOf('/stream/s%C3%B6ng.mp3/picture')).toEqual([403, 'link_invalid']);
    expect(await codeOf('/signed/1.x/s%C3%B6ng.mp3/picture')).toEqual([403, 'link_invalid']);
    expect(await codeOf(`${links.to(track).path}/picture`)).toEqual([200, 's söng.mp3']);
    expect(await codeOf(`${links.to(track, -1).path}/picture`)).toEqual([403, 'link_invalid']);
  });
});
