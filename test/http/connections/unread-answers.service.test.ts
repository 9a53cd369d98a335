/** Ends connections of clients that do not read responses, and keeps little memory for them meanwhile. */
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { endStalled } from '../../../src/http/connections/slow-clients.ts';
import { getManifest, getTrack } from '../../support/client.ts';
import { startServerWith } from '../../support/prepared.ts';
import type { TestServer } from '../../support/server.ts';
import { type UnreadingClients, unreadingClients } from '../../support/unreading.ts';

/** Twice the largest piece that a response is written in: a slice of a list is 90 kB. */
const MOST_UNREAD_BYTES = 256 * 1024;
/** Fewer requests than a connection may queue. */
const MOST_UNDER_WAY = 16;

const KINDS: [string, (segment: string) => string][] = [
  ['a cached segment', (segment) => segment],
  ['a segment by the routes', (segment) => segment.replace('song.wav', 'song%2Ewav')],
  ['the manifest', () => '/stream/song.wav/manifest'],
  ['a playlist', () => '/stream/song.wav/aac-128k.m3u8'],
  ['a track', () => '/files/song.wav'],
  ['an error', () => '/files/nobody.wav'],
  ['the description of the API', () => '/openapi.json'],
  ['a script of the page', () => '/assets/dash.all.min.js'],
  ['/readyz', () => '/readyz'],
  ['events of a track', () => '/files/song.wav/events'],
];

let server: TestServer;
let unreading: UnreadingClients;
/** Results of the clients by their kind. All of them run at the same time. */
const outcomes = new Map<string, Promise<number>>();
beforeAll(async () => {
  server = await startServerWith(['song.wav'], {}, { stalledAnswerMs: 300, readinessMs: 60_000 });
  unreading = unreadingClients(server);
  const track = await getTrack(server.url, 'song.wav');
  const segment = new URL((await getManifest(server.url, track)).segments[0]?.url as string).pathname;
  for (const [kind, path] of KINDS) outcomes.set(kind, askAndNeverRead(path(segment)));
});

/**
 * Requests `path` again and again on one connection without reading, until the server ends the connection.
 *
 * @returns the most bytes that the server buffered for the connection, apart from buffers of the system.
 */
async function askAndNeverRead(path: string): Promise<number> {
  const { client, ours } = await unreading.open();
  let underWay = 0;
  const count: RequestListener = ({ socket }, response) => {
    if (socket === ours) response.once('finish', () => underWay--);
  };
  server.app.server.setMaxListeners(50).on('request', count);
  let most = 0;
  while (!ours.destroyed) {
    // The buffers of the system take megabytes before the server has to buffer anything.
    for (; underWay < MOST_UNDER_WAY; underWay++)
      client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    most = Math.max(most, ours.writableLength);
    await pause(1);
  }
  server.app.server.off('request', count);
  return most;
}

describe('a client that reads nothing loses its connection', () => {
  it.each(KINDS)('that asked for %s', async (kind) => {
    expect(await outcomes.get(kind)).toBeLessThan(MOST_UNREAD_BYTES);
  });
});

describe('a connection ends', () => {
  afterEach(() => vi.useRealTimers());

  /** Makes a connection with Node's own fields: bytes written to the system, and bytes that it has not taken. */
  function watched() {
    vi.useFakeTimers({ toFake: ['performance'] });
    const handle = { bytesWritten: 100_000, writeQueueSize: 80_000 };
    const destroy = vi.fn();
    const socket = { writableLength: 80_000, _handle: handle, destroy };
    const look = endStalled(new Set([socket as unknown as Socket]), 60_000);
    const lookAfter = (seconds: number) => {
      vi.advanceTimersByTime(seconds * 1000);
      look();
      return destroy.mock.calls.length > 0;
    };
    look();
    return { socket, handle, lookAfter };
  }

  it('when the client reads nothing for 60 s, also if more is written meanwhile', () => {
    const { socket, handle, lookAfter } = watched();
    expect(lookAfter(30)).toBe(false);
    socket.writableLength += 17;
    handle.bytesWritten += 17;
    handle.writeQueueSize += 17;
    expect(lookAfter(29)).toBe(false);
    expect(lookAfter(1)).toBe(true);
  });

  it('never while the client reads parts of a large write from time to time', () => {
    const { handle, lookAfter } = watched();
    for (let n = 0; n < 70; n++) {
      handle.writeQueueSize -= 1000;
      expect(lookAfter(59)).toBe(false);
    }
  });

  it('never once the client has read everything', () => {
    const { socket, lookAfter } = watched();
    socket.writableLength = 0;
    expect(lookAfter(600)).toBe(false);
    socket.writableLength = 80_000;
    expect(lookAfter(59)).toBe(false);
  });

  it('at the same time even if the client sends bytes', async () => {
    const { client, ours } = await unreading.open();
    client.write('GET /assets/dash.all.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(20));
    client.write('GET / HTTP/1.1\r\nX-Slow: ');
    while (!ours.destroyed) {
      client.write('x');
      await pause(20);
    }
  });
});
