/** Clients that are slow, leave, or do not speak HTTP: others notice nothing, and nothing of theirs is left. */
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { noise, wav } from '../support/audio.ts';
import { getManifest, getTrack, request, until, upload } from '../support/client.ts';
import { startServerWith } from '../support/prepared.ts';
import { startServer, type TestServer } from '../support/server.ts';

const song = { name: 'song.wav', bytes: wav(noise({ samples: 400_000 })) };
const HEAD = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n';
const uploadsOf = (server: TestServer) => readdir(path.join(server.dataDir, 'uploads'));

const sockets = new Set<Socket>();
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
});

interface RawClient {
  socket: Socket;
  text(): string;
  closed: Promise<unknown>;
}

/** A connection on which just these bytes are sent. */
async function raw(server: TestServer, bytes: string): Promise<RawClient> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  sockets.add(socket);
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  socket.write(bytes);
  return { socket, text: () => text, closed };
}

const uploadHead = (length: number) =>
  `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: ${length}\r\n\r\n${HEAD}`;

describe('two thousand sockets that send a byte a second', () => {
  it('do not keep others from uploading and listening', async () => {
    const server = await startServerWith(
      ['song.wav'],
      { MAX_UPLOADS: '20' },
      { uploadGraceSeconds: 1, uploadRecentSeconds: 2 },
    );
    const manifest = await getManifest(server.url, await getTrack(server.url, 'song.wav'));
    const slow = await Promise.all(
      Array.from({ length: 2000 }, (_, n) =>
        raw(server, n % 2 === 0 ? uploadHead(1_000_000) : 'GET /files HTTP/1.1\r\nX-Slow: '),
      ),
    );
    const drip = setInterval(() => {
      for (const { socket } of slow) if (socket.writable) socket.write('x');
    }, 1000);
    try {
      // Once a place has been held for the second that everybody gets.
      await until(async () => {
        const other = { name: 'other.wav', bytes: wav(noise({ samples: 30_000, seed: 2 })) };
        expect([200, 201]).toContain((await upload(server.url, other)).status);
      });
      expect((await request(manifest.segments[0]?.url as string)).status).toBe(200);
      expect((await request(`${server.url}/healthz`)).status).toBe(200);
      // Of a thousand uploads there is room for twenty.
      await until(() => {
        const refused = slow.filter(({ text }) => / (503|408) /.test(text()));
        expect(refused.length).toBeGreaterThan(900);
      });
    } finally {
      clearInterval(drip);
      for (const { socket } of slow) socket.destroy();
    }
    await until(async () => expect(await uploadsOf(server)).toEqual([]));
    await server.close();
  });
});

describe('a client that does not go on', () => {
  it('with its headers is answered with 408 as a problem, and its connection ends', async () => {
    const server = await startServer({}, { headersMs: 200, headersCheckMs: 50 });
    const client = await raw(server, 'GET /files HTTP/1.1\r\nHost: localhost\r\nX-Slow:');
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 .*application\/problem\+json.*"code":"request_too_slow"/s);
    await server.close();
  });

  it('with its upload is answered with 408, and nothing of it is kept', async () => {
    const server = await startServer({}, { uploadIdleSeconds: 1, leftoverMs: 200 });
    const client = await raw(server, `${uploadHead(1_000_000)}xxx`);
    await client.closed;
    expect(client.text()).toMatch(/^HTTP\/1\.1 408 .*"code":"upload_too_slow"/s);
    expect(await uploadsOf(server)).toEqual([]);
    await server.close();
  });

  it('with a body that is no upload is answered, and its connection ends', async () => {
    const server = await startServer({}, { bodyMs: 200, leftoverMs: 200 });
    const routes = [
      ['POST /files/song.wav/links', 408],
      ['POST /files/song.wav/retry', 404],
      ['DELETE /files/song.wav', 404],
      ['GET /files', 200],
      ['GET /stream/song.wav/manifest', 404],
      ['POST /upload', 400],
      ['POST /nowhere', 404],
    ] as const;
    const answers = routes.map(async ([route]) => {
      const head = `${route} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 20\r\n\r\n{`;
      const client = await raw(server, head);
      await client.closed;
      return [route, Number(client.text().slice('HTTP/1.1 '.length, 12))];
    });
    expect(await Promise.all(answers)).toEqual(routes);
    const init = { method: 'POST', body: ' '.repeat(5000) };
    expect((await request(`${server.url}/files/song.wav/links`, init)).status).toBe(413);
    await server.close();
  });

  it('with its upload, though it moves, gives its place to one whose address has fewer', async () => {
    const server = await startServer({ MAX_UPLOADS: '2', TRUST_PROXY: '127.0.0.1' });
    const greedy = uploadHead(1_000_000).replace('Host:', 'X-Forwarded-For: 192.0.2.1\r\nHost:');
    const clients = [await raw(server, greedy), await raw(server, greedy)];
    await until(() => expect(server.services.governor.usage()).toMatchObject({ uploads: 2 }));
    expect((await upload(server.url, song)).status).toBe(201);
    const answers = clients.map(({ text }) => text()).filter((text) => text !== '');
    expect(answers).toEqual([expect.stringMatching(/^HTTP\/1\.1 503 .*"code":"too_many_uploads"/s)]);
    for (const { socket } of clients) socket.destroy();
    await until(() => expect(server.services.governor.usage()).toMatchObject({ uploads: 0, diskBytes: 0 }));
    expect(await uploadsOf(server)).toEqual([]);
    await server.close();
  });
});

describe('a broken upload leaves nothing', () => {
  it.each([
    ['is aborted', uploadHead(1_000_000)],
    ['has no end', `${uploadHead(HEAD.length + 4)}abcd`],
    [
      'has no boundary',
      'POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\nab',
    ],
    ['is no HTTP', 'POST /upload\x00\x01 nonsense\r\n\r\n'],
    ['has headers without end', `POST /upload HTTP/1.1\r\n${'X-Long: y\r\n'.repeat(5000)}\r\n`],
    [
      'has two lengths',
      'POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nab',
    ],
  ])('one that %s', async (_, bytes) => {
    const server = await startServer();
    const client = await raw(server, bytes);
    client.socket.end();
    await client.closed;
    expect(client.text()).not.toMatch(/^HTTP\/1\.1 (2|5)/);
    await until(async () => expect(await uploadsOf(server)).toEqual([]));
    expect((await request(`${server.url}/healthz`)).status).toBe(200);
    await server.close();
  });

  it('and requests one behind the other are answered in their order', async () => {
    const server = await startServer();
    const client = await raw(
      server,
      'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /files/none HTTP/1.1\r\nHost: localhost\r\n\r\nGET /files HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    await client.closed;
    expect([...client.text().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, code]) => code)).toEqual([
      '200',
      '404',
      '200',
    ]);
    await server.close();
  });
});
