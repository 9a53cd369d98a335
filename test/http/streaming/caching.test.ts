import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  etagOf,
  IMMUTABLE,
  representationOf,
  sendRepresentation,
} from '../../../src/http/streaming/caching.ts';

const bytes = Buffer.from('0123456789');
const etag = etagOf(bytes);

let app: FastifyInstance;
beforeAll(async () => {
  app = Fastify();
  app.get('/digits', (request, reply) =>
    sendRepresentation(
      request.raw,
      reply.hijack().raw,
      representationOf(bytes, { type: 'audio/mp4', cacheControl: IMMUTABLE }),
    ),
  );
  await app.ready();
});
afterAll(() => app.close());

const get = (headers: Record<string, string> = {}, method: 'GET' | 'HEAD' = 'GET') =>
  app.inject({ method, url: '/digits', headers });

describe('etagOf', () => {
  it('returns a strong, quoted tag, the same for equal bytes', () => {
    expect(etag).toMatch(/^"a-[0-9a-z]+"$/);
    expect(etagOf(Buffer.from('0123456789'))).toBe(etag);
    expect(etagOf(Buffer.from('012345678'))).not.toBe(etag);
  });
});

describe('a response with all bytes', () => {
  it('has status 200 and all headers for caches', async () => {
    const answer = await get();
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload).toEqual(bytes);
    expect(answer.headers).toMatchObject({
      etag,
      'content-type': 'audio/mp4',
      'cache-control': 'public, max-age=31536000, immutable',
      'accept-ranges': 'bytes',
      'content-length': '10',
    });
    expect(answer.headers).not.toHaveProperty('content-range');
  });

  it('has the same headers and no body for HEAD', async () => {
    const [whole, head] = await Promise.all([get(), get({}, 'HEAD')]);
    const { date: _date, ...headers } = head.headers;
    expect(head.statusCode).toBe(200);
    expect(whole.headers).toMatchObject(headers);
    expect(head.headers['content-length']).toBe('10');
    expect(head.rawPayload).toHaveLength(0);
  });

  it('answers HEAD even with a range', async () => {
    const answer = await get({ range: 'bytes=0-1' }, 'HEAD');
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-length']).toBe('10');
  });

  it.each([
    ['several ranges', 'bytes=0-1,4-5'],
    ['several ranges that touch', 'bytes=0-1, 2-3'],
    ['another unit', 'items=0-1'],
    ['no unit', '0-1'],
    ['no number', 'bytes=a-b'],
    ['no dash', 'bytes=1'],
    ['nothing', 'bytes='],
    ['only a dash', 'bytes=-'],
    ['a fraction', 'bytes=0.5-1'],
    ['two dashes', 'bytes=1-2-3'],
    // RFC 9110 section 14.1.1: such a range is invalid, and invalid ranges are ignored.
    ['an end before its start', 'bytes=5-3'],
  ])('answers an unsupported range: %s', async (_what, range) => {
    const answer = await get({ range });
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload).toEqual(bytes);
    expect(answer.headers).not.toHaveProperty('content-range');
  });
});

describe('a range', () => {
  it.each([
    ['with a start and an end', 'bytes=2-4', 2, 4],
    ['one byte', 'bytes=0-0', 0, 0],
    ['all bytes', 'bytes=0-9', 0, 9],
    ['with a start', 'bytes=7-', 7, 9],
    ['to after the end', 'bytes=7-100', 7, 9],
    ['the last bytes', 'bytes=-3', 7, 9],
    ['as many last bytes as there are', 'bytes=-10', 0, 9],
    // RFC 9110 section 14.1.2: a suffix longer than the bytes selects all of them.
    ['more last bytes than there are', 'bytes=-100', 0, 9],
  ])('gets 206: %s', async (_what, range, start, end) => {
    const answer = await get({ range });
    expect(answer.statusCode).toBe(206);
    expect(answer.rawPayload).toEqual(bytes.subarray(start, end + 1));
    expect(answer.headers).toMatchObject({
      etag,
      'content-range': `bytes ${start}-${end}/10`,
      'content-length': String(end + 1 - start),
      'content-type': 'audio/mp4',
      'cache-control': IMMUTABLE,
    });
  });

  it.each(['bytes=10-', 'bytes=10-20', 'bytes=99-100', 'bytes=-0'])(
    'after the end gets 416: %s',
    async (range) => {
      const answer = await get({ range });
      expect(answer.statusCode).toBe(416);
      expect(answer.headers['content-range']).toBe('bytes */10');
      expect(answer.rawPayload).toHaveLength(0);
    },
  );

  it('gets 206 if If-Range has the current tag', async () => {
    const answer = await get({ range: 'bytes=2-4', 'if-range': etag });
    expect([answer.statusCode, answer.body]).toEqual([206, '234']);
  });

  it.each([
    ['another tag', '"another"'],
    ['a weak tag', `W/${etag}`],
    ['a date', 'Wed, 21 Oct 2015 07:28:00 GMT'],
  ])('gets all bytes if If-Range has %s', async (_what, ifRange) => {
    const answer = await get({ range: 'bytes=2-4', 'if-range': ifRange });
    expect([answer.statusCode, answer.body]).toEqual([200, '0123456789']);
  });
});

describe('a request with If-None-Match', () => {
  const tags = [
    ['its tag', etag],
    ['its tag, weak', `W/${etag}`],
    ['its tag among others', `"one", ${etag}, "two"`],
    ['its tag, weak, among others without spaces', `"one",W/${etag},"two"`],
    ['anything', '*'],
  ];

  it.each(tags)('gets 304 for %s', async (_what, ifNoneMatch) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await get({ 'if-none-match': ifNoneMatch }, method);
      expect(answer.statusCode).toBe(304);
      expect(answer.rawPayload).toHaveLength(0);
      // RFC 9110 section 15.4.5
      expect(answer.headers).toMatchObject({ etag, 'cache-control': IMMUTABLE });
    }
  });

  it('gets 304 also with a range', async () => {
    expect((await get({ 'if-none-match': etag, range: 'bytes=0-1' })).statusCode).toBe(304);
  });

  it.each([
    ['another tag', '"another"'],
    ['other tags', '"one", W/"two"'],
    ['its tag without quotes', etag.slice(1, -1)],
    ['nothing', ''],
  ])('gets 200 for %s', async (_what, ifNoneMatch) => {
    expect((await get({ 'if-none-match': ifNoneMatch })).statusCode).toBe(200);
  });
});
