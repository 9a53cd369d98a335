/** Handles many requests on one connection that are sent before the first response. */
import { once } from 'node:events';
import http, { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { MAX_QUEUED, oneAtATime } from '../../../src/http/connections/pipelining.ts';
import { until } from '../../support/client.ts';

/** Starts a server, and opens a connection to it without sending anything. */
async function connected(handle: RequestListener): Promise<{ socket: Socket; text: () => string }> {
  const server = http.createServer(oneAtATime(handle)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  await once(socket, 'connect');
  onTestFinished(() => {
    socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return { socket, text: () => text };
}

const get = (path: string | number) => `GET /${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
const answersIn = (text: string) => [...text.matchAll(/<(.*?)>/g)].map(([, body]) => body);
/** Makes a handler that collects its requests. */
function keeping() {
  const kept: { request: IncomingMessage; response: ServerResponse }[] = [];
  const handle: RequestListener = (request, response) => void kept.push({ request, response });
  return { kept, handle };
}

it('a request is handled once the response before it is sent', async () => {
  const { kept, handle } = keeping();
  const { socket, text } = await connected(handle);
  socket.write(get('a') + get('b') + get('c'));
  for (const [n, path] of ['/a', '/b', '/c'].entries()) {
    await until(() => expect(kept).toHaveLength(n + 1));
    expect(kept[n]?.request.url).toBe(path);
    kept[n]?.response.end(`<${path}>`);
  }
  await until(() => expect(answersIn(text())).toEqual(['/a', '/b', '/c']));
});

it('each request gets its own body', async () => {
  const { socket, text } = await connected(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    response.end(`<${body}>`);
  });
  const post = (body: string) =>
    `POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  socket.write(post('one') + get('') + post('two') + post('x'.repeat(100_000)));
  await until(() => expect(answersIn(text())).toEqual(['one', '', 'two', 'x'.repeat(100_000)]));
});

it(`${MAX_QUEUED} requests after the first are all answered, in order`, async () => {
  const { socket, text } = await connected((request, response) => response.end(`<${request.url}>`));
  const all = Array.from({ length: MAX_QUEUED + 1 }, (_, n) => n);
  for (let round = 1; round <= 3; round++) {
    socket.write(all.map(get).join(''));
    await until(() => expect(answersIn(text())).toHaveLength(round * all.length));
  }
  expect(answersIn(text()).slice(0, all.length)).toEqual(all.map((n) => `/${n}`));
});

it('of 50,000 requests on one connection one is handled, and the connection ends', async () => {
  const { kept, handle } = keeping();
  const { socket } = await connected(handle);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(get('held').repeat(50_000));
  await closed;
  expect(kept).toHaveLength(1);
});

it('requests of a client that is gone are not handled', async () => {
  const { kept, handle } = keeping();
  const { socket } = await connected(handle);
  socket.write(get('a') + get('b'));
  await until(() => expect(kept).toHaveLength(1));
  const left = once(kept[0]?.response as ServerResponse, 'close');
  socket.destroy();
  await left;
  kept[0]?.response.end();
  await new Promise(setImmediate);
  expect(kept).toHaveLength(1);
});
