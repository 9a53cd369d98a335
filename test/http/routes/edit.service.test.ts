/** `PATCH /files/{filename}`, and the entity tag of a track. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TrackView } from '../../../src/http/openapi/track-schema.ts';
import { noise, wav } from '../../support/audio.ts';
import { type Problem, request, settled, upload } from '../../support/client.ts';
import { startServer, type TestServer } from '../../support/server.ts';

const bytes = wav(noise({ samples: 50_000 }));
let server: TestServer;
let address: string;
beforeAll(async () => {
  server = await startServer();
  await upload(server.url, { name: 'song.wav', bytes });
  address = `${server.url}/files/song.wav`;
});
beforeEach(async () => {
  await patch({ tags: null, chapters: null, metadata: null });
});

type Body = TrackView & Omit<Problem, 'status'>;
const patch = (body: unknown, headers: Record<string, string> = {}) =>
  request<Body>(address, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const record = async () => (await server.services.library.get('song.wav')) ?? expect.fail();
const etagOf = async () => (await request(address)).headers.get('etag') ?? expect.fail();

describe('PATCH /files/{filename}', () => {
  it.each(['application/merge-patch+json', 'application/json', 'Application/JSON; charset=utf-8'])(
    'edits by %s, and answers with the track and its new ETag',
    async (type) => {
      const before = await etagOf();
      const { status, body, headers } = await patch(
        { metadata: { externalId: 'e-1' } },
        { 'content-type': type },
      );
      expect([status, body.filename, body.metadata]).toEqual([200, 'song.wav', { externalId: 'e-1' }]);
      expect(headers.get('etag')).toBe(await etagOf());
      expect(headers.get('etag')).not.toBe(before);
    },
  );

  it('keeps edits over an upload of the same bytes', async () => {
    await patch({ tags: { title: '<b>Jóga</b>' }, metadata: { a: 1 } });
    await upload(server.url, { name: 'again.wav', bytes });
    expect(await record()).toMatchObject({ tags: { title: '<b>Jóga</b>' }, metadata: { a: 1 } });
    expect((await record()).edited).toContain('title');
  });

  it('keeps edits over a retry', async () => {
    const own = await startServer({ KEEP_ORIGINALS: 'true' });
    await upload(own.url, { name: 'song.wav', bytes });
    const chapters = [{ startSeconds: 0, endSeconds: 1, title: 'One' }];
    const edit = { tags: { title: 'Edited', artist: null }, chapters, metadata: { a: 1 } };
    await request(`${own.url}/files/song.wav`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(edit),
    });
    await own.services.library.update('song.wav', (track) => ({ ...track, status: 'failed' }));
    const retried = await request(`${own.url}/files/song.wav/retry`, { method: 'POST' });
    expect(retried.status).toBe(202);
    expect((await settled(own.url, 'song.wav')).status).toBe('ready');
    await own.close();
    const next = await startServer({ DATA_DIR: own.dataDir });
    expect(await next.services.library.get('song.wav')).toMatchObject({
      status: 'ready',
      tags: { title: 'Edited' },
      chapters,
      metadata: { a: 1 },
      edited: ['artist', 'chapters', 'title'],
    });
  });

  it.each([
    ['text/plain', 415],
    ['application/json-patch+json', 415],
    ['multipart/form-data; boundary=x', 415],
    ['application/x-www-form-urlencoded', 415],
  ])('refuses %s', async (type, status) => {
    const answer = await patch('{}', { 'content-type': type });
    expect([answer.status, answer.body.code]).toEqual([status, 'unsupported_media']);
    expect(answer.headers.get('accept-patch')).toBe('application/merge-patch+json, application/json');
  });

  it.each(['', '[]', 'null', '{"tags":', '{"tags":{"titel":"x"}}', '{"metadata":{"__proto__":{"a":1}}}'])(
    'refuses the body %s, and changes nothing',
    async (body) => {
      const before = await record();
      const answer = await patch(body);
      expect([answer.status, answer.body.code]).toEqual([400, 'invalid_body']);
      expect(await record()).toBe(before);
    },
  );

  it('refuses a body that is too large, and a track that there is not', async () => {
    const large = await patch({ metadata: { a: 'x'.repeat(300_000) } });
    expect([large.status, large.body.code]).toEqual([413, 'bad_request']);
    const none = await request<Problem>(`${server.url}/files/nobody.wav`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect([none.status, none.body.code]).toEqual([404, 'track_not_found']);
  });

  it('with If-Match edits only what the client has seen', async () => {
    const etag = await etagOf();
    const edits = [1, 2, 3, 4].map((n) => patch({ metadata: { n } }, { 'if-match': `"other", ${etag}` }));
    const answers = await Promise.all(edits);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412]);
    const winner = answers.find(({ status }) => status === 200)?.body.metadata;
    expect((await record()).metadata).toEqual(winner);
    const late = await patch({ metadata: { n: 5 } }, { 'if-match': etag });
    expect([late.status, late.body.code]).toEqual([412, 'precondition_failed']);
    expect((await patch({}, { 'if-match': '*' })).status).toBe(200);
    expect((await patch({}, { 'if-match': `W/${await etagOf()}` })).status).toBe(412);
  });
});

describe('the ETag of GET /files/{filename}', () => {
  it.each([
    ['identity', (body: Buffer) => body],
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ])('is strong, and the same in %s', async (encoding, decode) => {
    await patch({ metadata: { long: 'x'.repeat(3000) } });
    const { body, headers } = await server.app
      .inject({ url: '/files/song.wav', headers: { 'accept-encoding': encoding, host: 'localhost' } })
      .then((answer) => ({ body: answer.rawPayload, headers: answer.headers }));
    expect(headers['content-encoding'] ?? 'identity').toBe(encoding);
    expect(JSON.parse(decode(body).toString()).filename).toBe('song.wav');
    expect(headers.etag).toMatch(/^"[\w-]{22}"$/);
    expect(headers.etag).toBe(await etagOf());
  });

  it('is no reason for 304, for it says nothing of the status', async () => {
    const { status, headers } = await request(address, { headers: { 'if-none-match': await etagOf() } });
    expect([status, headers.get('cache-control')]).toEqual([200, 'no-store']);
  });
});
