/** Clients that do not read what they asked for: their connection ends, and meanwhile little is held for them. */
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { endStalled } from '../../../src/http/connections/slow-clients.ts';
import { noise, wav } from '../../support/audio.ts';
import { getManifest, upload } from '../../support/client.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { type UnreadingClients, unreadingClients } from '../../support/unreading.ts';

/** Two of the largest pieces that an answer is written in: a slice of a list is 90 kB. */
const MOST_UNREAD_BYTES = 256 * 1024;
/** Fewer than what a connection may have. */
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
/** What became of the clients, by their kind: all of them at the same time. */
const outcomes = new Map<string, Promise<number>>();
beforeAll(async () => {
  server = await startServer({}, { stalledAnswerMs: 300, readinessMs: 60_000 });
  unreading = unreadingClients(server);
  const { body } = await upload(server.url, { name: 'song.wav', bytes: wav(noise({ samples: 400_000 })) });
  const segment = new URL((await getManifest(server.url, body)).segments[0]?.url as string).pathname;
  for (const [kind, path] of KINDS) outcomes.set(kind, askAndNeverRead(path(segment)));
});

/**
 * Asks again and again for `path` on one connection, and reads nothing, until the server ends it.
 *
 * @returns the most bytes that the server held for it, as far as the system had not taken them.
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
    // The buffers of the system hold megabytes before anything is left to the server.
    for (; underWay < MOST_UNDER_WAY; underWay++)
      client.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    most = Math.max(most, ours.writableLength);
    await pause(1);
  }
  server.app.server.off('request', count);
  return most;
}

describe('a client that reads nothing loses its connection', () => {
  it.each(KINDS)('%s', async (kind) => {
    expect(await outcomes.get(kind)).toBeLessThan(MOST_UNREAD_BYTES);
  });
});

describe('how long that takes', () => {
  afterEach(() => vi.useRealTimers());

  /** A connection as Node has it: so much was handed to the system, and so much of that is not taken. */
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

  it('a client that takes nothing for 60 s, also when more is written to it meanwhile', () => {
    const { socket, handle, lookAfter } = watched();
    expect(lookAfter(30)).toBe(false);
    socket.writableLength += 17;
    handle.bytesWritten += 17;
    handle.writeQueueSize += 17;
    expect(lookAfter(29)).toBe(false);
    expect(lookAfter(1)).toBe(true);
  });

  it('never for one that takes a part of a large write now and then', () => {
    const { handle, lookAfter } = watched();
    for (let n = 0; n < 70; n++) {
      handle.writeQueueSize -= 1000;
      expect(lookAfter(59)).toBe(false);
    }
  });

  it('never for one that has taken all of it', () => {
    const { socket, lookAfter } = watched();
    socket.writableLength = 0;
    expect(lookAfter(600)).toBe(false);
    socket.writableLength = 80_000;
    expect(lookAfter(59)).toBe(false);
  });

  it('does not begin anew with what the client sends', async () => {
    const { client, ours } = await unreading.open();
    client.write('GET /assets/dash.all.min.js HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(20));
    client.write('GET / HTTP/1.1\r\nX-Slow: ');
    while (!ours.destroyed) {
      client.write('x');
      await pause(20);
    }
  });
});
