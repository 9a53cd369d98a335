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
  it('is strong, quoted, and one for equal bytes', () => {
    expect(etag).toMatch(/^"a-[0-9a-z]+"$/);
    expect(etagOf(Buffer.from('0123456789'))).toBe(etag);
    expect(etagOf(Buffer.from('012345678'))).not.toBe(etag);
  });
});

describe('the whole', () => {
  it('is answered with 200 and all that a cache wants to know', async () => {
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

  it('is answered to HEAD with the same headers and no body', async () => {
    const [whole, head] = await Promise.all([get(), get({}, 'HEAD')]);
    const { date: _date, ...headers } = head.headers;
    expect(head.statusCode).toBe(200);
    expect(whole.headers).toMatchObject(headers);
    expect(head.headers['content-length']).toBe('10');
    expect(head.rawPayload).toHaveLength(0);
  });

  it('is answered to HEAD even where a range is asked for', async () => {
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
    // RFC 9110 section 14.1.1: such a range is invalid, and an invalid one is ignored.
    ['an end before its start', 'bytes=5-3'],
  ])('is answered where the range is of no use: %s', async (_what, range) => {
    const answer = await get({ range });
    expect(answer.statusCode).toBe(200);
    expect(answer.rawPayload).toEqual(bytes);
    expect(answer.headers).not.toHaveProperty('content-range');
  });
});

describe('a range', () => {
  it.each([
    ['from and to', 'bytes=2-4', 2, 4],
    ['one byte', 'bytes=0-0', 0, 0],
    ['all of it', 'bytes=0-9', 0, 9],
    ['from', 'bytes=7-', 7, 9],
    ['to beyond the end', 'bytes=7-100', 7, 9],
    ['the last ones', 'bytes=-3', 7, 9],
    ['as many last ones as there are', 'bytes=-10', 0, 9],
    // RFC 9110 section 14.1.2: the whole is used where it is shorter than the suffix.
    ['more last ones than there are', 'bytes=-100', 0, 9],
  ])('is answered with 206: %s', async (_what, range, start, end) => {
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
    'beyond the end is answered with 416: %s',
    async (range) => {
      const answer = await get({ range });
      expect(answer.statusCode).toBe(416);
      expect(answer.headers['content-range']).toBe('bytes */10');
      expect(answer.rawPayload).toHaveLength(0);
    },
  );

  it('is answered where If-Range names what is here', async () => {
    const answer = await get({ range: 'bytes=2-4', 'if-range': etag });
    expect([answer.statusCode, answer.body]).toEqual([206, '234']);
  });

  it.each([
    ['another tag', '"another"'],
    ['a weak tag', `W/${etag}`],
    ['a date', 'Wed, 21 Oct 2015 07:28:00 GMT'],
  ])('is not answered where If-Range names %s', async (_what, ifRange) => {
    const answer = await get({ range: 'bytes=2-4', 'if-range': ifRange });
    expect([answer.statusCode, answer.body]).toEqual([200, '0123456789']);
  });
});

describe('what the client has already', () => {
  const tags = [
    ['its tag', etag],
    ['its tag, weak', `W/${etag}`],
    ['its tag among others', `"one", ${etag}, "two"`],
    ['its tag, weak, among others without spaces', `"one",W/${etag},"two"`],
    ['anything', '*'],
  ];

  it.each(tags)('is answered with 304 for %s', async (_what, ifNoneMatch) => {
    for (const method of ['GET', 'HEAD'] as const) {
      const answer = await get({ 'if-none-match': ifNoneMatch }, method);
      expect(answer.statusCode).toBe(304);
      expect(answer.rawPayload).toHaveLength(0);
      // RFC 9110 section 15.4.5
      expect(answer.headers).toMatchObject({ etag, 'cache-control': IMMUTABLE });
    }
  });

  it('is not sent again in part', async () => {
    expect((await get({ 'if-none-match': etag, range: 'bytes=0-1' })).statusCode).toBe(304);
  });

  it.each([
    ['another tag', '"another"'],
    ['other tags', '"one", W/"two"'],
    ['its tag without quotes', etag.slice(1, -1)],
    ['nothing', ''],
  ])('is answered with 200 for %s', async (_what, ifNoneMatch) => {
    expect((await get({ 'if-none-match': ifNoneMatch })).statusCode).toBe(200);
  });
});
