/** Sends lists and event streams of many tracks in slices. */
import http from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TrackView } from '../../../src/http/openapi/track-schema.ts';
import { type Problem, request, until } from '../../support/client.ts';
import { pretendTracks } from '../../support/many-tracks.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { type UnreadingClients, unreadingClients } from '../../support/unreading.ts';

const COUNT = 30_000;
/** Share of one address, see the governor. */
const LISTS_SHARE = 25;
const EVENT_STREAMS_SHARE = 100;
/** More slices than the buffers of the system take, of 300 in total. */
const MOST_SLICES_UNREAD = 150;
const MOST_UNREAD_BYTES = 256 * 1024;

let server: TestServer;
let clients: UnreadingClients;
beforeAll(async () => {
  server = await startServer({}, { stalledAnswerMs: 400, heartbeatMs: 40 });
  clients = unreadingClients(server);
});

afterEach(async () => {
  clients.closeAll();
  vi.restoreAllMocks();
  await until(() => expect(usage()).toMatchObject({ lists: 0, eventStreams: 0 }));
});

const usage = () => server.services.governor.usage();
const pretend = (count: number, onPage?: (from: number) => void) =>
  pretendTracks(server.services.library, count, onPage);

/** Opens a client that sends a request and reads nothing, and returns its connection at the server. */
async function unreading(path: string): Promise<Socket> {
  const { client, ours } = await clients.open();
  client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return ours;
}

/** Resolves with the raw body, and whether it was complete. */
function download(path: string, headers: http.OutgoingHttpHeaders = {}, method = 'GET') {
  return new Promise<{ headers: http.IncomingHttpHeaders; body: Buffer; complete: boolean }>(
    (resolve, reject) => {
      const sent = http.request(server.url + path, { headers, method }, async (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.once('close', () =>
          resolve({ headers: response.headers, body: Buffer.concat(chunks), complete: response.complete }),
        );
        response.on('error', () => {});
      });
      sent.once('error', reject).end();
    },
  );
}

const namesIn = (json: Buffer) => (JSON.parse(json.toString()) as TrackView[]).map(({ name }) => name);
const allNames = (count: number) => Array.from({ length: count }, (_, n) => `track-${count - 1 - n}.mp3`);

describe('a list without a limit', () => {
  it.each([
    ['identity', (body: Buffer) => body],
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ])('has every track once, the newest first: %s', async (encoding, decode) => {
    pretend(2345);
    const { headers, body } = await download('/files', { 'accept-encoding': encoding });
    expect(namesIn(decode(body))).toEqual(allNames(2345));
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(headers['content-encoding']).toBe(encoding === 'identity' ? undefined : encoding);
    expect(headers.vary).toBe('Accept-Encoding');
    expect(headers).not.toHaveProperty('link');
  });

  it('continues from a cursor', async () => {
    pretend(500);
    const { body } = await download('/files?cursor=200');
    expect(namesIn(body)).toEqual(allNames(500).slice(200));
  });

  it('HEAD reads nothing but the first page', async () => {
    const pages: number[] = [];
    pretend(COUNT, (from) => pages.push(from));
    const [head, get] = [await download('/files', {}, 'HEAD'), await download('/files?cursor=29000')];
    expect([head.body.length, head.headers['content-type']]).toEqual([0, get.headers['content-type']]);
    expect(pages.filter((from) => from < 29_000)).toEqual([0]);
  });

  it('takes turns with nineteen others: the event loop runs between two slices', async () => {
    let turn = 0;
    let going = true;
    const countTurns = () => {
      turn++;
      if (going) setImmediate(countTurns);
    };
    setImmediate(countTurns);
    const slicesOfTurn = new Map<number, number>();
    pretend(1000, (from) => {
      if (from > 0) slicesOfTurn.set(turn, (slicesOfTurn.get(turn) ?? 0) + 1);
    });
    const lists = await Promise.all(Array.from({ length: 20 }, () => download('/files')));
    going = false;
    for (const { body } of lists) expect(namesIn(body)).toHaveLength(1000);
    expect(slicesOfTurn.size).toBe(20 * 9);
    expect(Math.max(...slicesOfTurn.values())).toBe(1);
  });

  it('is cut off if the library fails in the middle, so that the client sees an incomplete response', async () => {
    pretend(1000, (from) => {
      if (from === 500) throw new Error('EIO');
    });
    const { complete, body } = await download('/files');
    expect(complete).toBe(false);
    expect(() => JSON.parse(body.toString())).toThrow();
    await until(() => expect(usage().lists).toBe(0));
  });

  it('is read no further ahead than its client reads, and ends with the client', async () => {
    let pages = 0;
    pretend(COUNT, () => pages++);
    const ours = await unreading('/files');
    let most = 0;
    while (!ours.destroyed) {
      most = Math.max(most, ours.writableLength);
      await pause(1);
    }
    expect(most).toBeLessThan(MOST_UNREAD_BYTES);
    expect(pages).toBeLessThan(MOST_SLICES_UNREAD);
    await until(() => expect(usage().lists).toBe(0));
  });

  it('is sent at the same time only up to the share of an address', async () => {
    pretend(COUNT);
    const ours = await Promise.all(Array.from({ length: LISTS_SHARE }, () => unreading('/files')));
    await until(() => expect(usage().lists).toBe(LISTS_SHARE));
    const refused = await request<Problem>(`${server.url}/files`);
    expect([refused.status, refused.body.code]).toEqual([503, 'too_busy']);
    expect(refused.headers.get('retry-after')).toBe('5');
    expect((await request(`${server.url}/files?limit=100`)).status).toBe(200);
    clients.closeAll();
    await until(() => expect(usage().lists).toBe(0));
    expect(ours.every(({ destroyed }) => destroyed)).toBe(true);
    expect((await download('/files?cursor=29000')).complete).toBe(true);
  });
});

it('a page of a thousand tracks is sent in slices too, with its Link header', async () => {
  const pages: number[] = [];
  pretend(3000, (from) => pages.push(from));
  const { headers, body } = await download('/files?limit=1000');
  expect(namesIn(body)).toEqual(allNames(3000).slice(0, 1000));
  expect(headers.link).toBe('</files?limit=1000&cursor=1000>; rel="next"');
  expect(headers['transfer-encoding']).toBe('chunked');
  expect(pages).toEqual([0]);
});

describe('the event stream of a large library', () => {
  it('sends every state, the oldest track first', async () => {
    pretend(2345);
    const leaving = new AbortController();
    const response = await fetch(`${server.url}/events`, { signal: leaving.signal });
    const names: string[] = [];
    let text = '';
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += Buffer.from(chunk).toString();
      const events = text.split('\n\n');
      text = events.pop() ?? '';
      for (const event of events) names.push(/"filename":"(.*?)"/.exec(event)?.[1] ?? event);
      if (names.length >= 2345) break;
    }
    leaving.abort();
    expect(names.filter((name) => name !== ': still here')).toEqual(allNames(2345).reverse());
  });

  it('is read no further ahead than its client reads, and ends in spite of its heartbeat', async () => {
    let pages = 0;
    pretend(COUNT, () => pages++);
    const ours = await unreading('/events');
    let most = 0;
    while (!ours.destroyed) {
      most = Math.max(most, ours.writableLength);
      await pause(1);
    }
    expect(most).toBeLessThan(MOST_UNREAD_BYTES);
    expect(pages).toBeLessThan(MOST_SLICES_UNREAD);
    await until(() => expect(usage().eventStreams).toBe(0));
  });

  it('can be open only up to the share of an address', async () => {
    pretend(0);
    await Promise.all(Array.from({ length: EVENT_STREAMS_SHARE }, () => unreading('/events')));
    await until(() => expect(usage().eventStreams).toBe(EVENT_STREAMS_SHARE));
    const refused = await request<Problem>(`${server.url}/events`);
    expect([refused.status, refused.body.code]).toEqual([503, 'too_busy']);
    expect(refused.headers.get('retry-after')).toBe('30');
    clients.closeAll();
    await until(() => expect(usage().eventStreams).toBe(0));
  });
});
