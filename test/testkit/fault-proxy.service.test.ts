import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../../testkit/fault-proxy.ts';

/** An engine that sends everything back. */
let echo: ReturnType<typeof createServer>;
let proxy: FaultProxy;
let clients: Client[];

beforeEach(async () => {
  clients = [];
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await startFaultProxy((echo.address() as { port: number }).port);
});

afterEach(async () => {
  for (const { socket } of clients) socket.destroy();
  await proxy.close();
  await once(echo.close(), 'close');
});

interface Client {
  socket: Socket;
  received: string;
  error?: string | undefined;
}

function open(): Client {
  const client: Client = { socket: connect(proxy.port, '127.0.0.1'), received: '' };
  client.socket.on('data', (chunk) => {
    client.received += chunk.toString();
  });
  client.socket.on('error', (error: NodeJS.ErrnoException) => {
    client.error = error.code;
  });
  clients.push(client);
  return client;
}

async function openAndHear(text: string): Promise<Client> {
  const client = open();
  client.socket.write(text);
  await vi.waitFor(() => expect(client.received).toBe(text));
  return client;
}

describe('a fault proxy', () => {
  it('passes both directions, and their ends', async () => {
    const client = await openAndHear('hello');
    const ended = once(client.socket, 'close');
    client.socket.end();
    await ended;
    expect(client.error).toBeUndefined();
  });

  it('passes more than fits into a buffer', async () => {
    const client = open();
    const text = 'x'.repeat(8 * 1024 * 1024);
    client.socket.write(text);
    await vi.waitFor(() => expect(client.received.length).toBe(text.length), { timeout: 5000 });
  });

  it('cuts: resets what exists, refuses what comes, and listens again on the same port', async () => {
    const client = await openAndHear('one');
    await proxy.set('cut');
    await vi.waitFor(() => expect(client.error).toBe('ECONNRESET'));
    const refused = open();
    await vi.waitFor(() => expect(refused.error).toBe('ECONNREFUSED'));
    await proxy.set('pass');
    await openAndHear('two');
  });

  it('hangs: accepts, is silent, and delivers later', async () => {
    const client = await openAndHear('one');
    await proxy.set('hang');
    client.socket.write('two');
    const other = open();
    await once(other.socket, 'connect');
    other.socket.write('three');
    // A connection through a second proxy shows that enough time has passed for an answer.
    const witness = await startFaultProxy((echo.address() as { port: number }).port);
    const seen = connect(witness.port, '127.0.0.1');
    seen.write('x');
    await once(seen, 'data');
    seen.destroy();
    await witness.close();
    expect([client.received, other.received]).toEqual(['one', '']);
    await proxy.set('pass');
    await vi.waitFor(() => expect([client.received, other.received]).toEqual(['onetwo', 'three']));
  });

  it('loses what was sent while it hung, if it cuts before it passes', async () => {
    const client = await openAndHear('one');
    await proxy.set('hang');
    client.socket.write('two');
    await proxy.set('cut');
    await proxy.set('pass');
    await vi.waitFor(() => expect(client.error).toBe('ECONNRESET'));
    expect(client.received).toBe('one');
  });

  it('delays what is sent, in order, without adding up', async () => {
    await proxy.set({ delayMs: 200 });
    const client = open();
    const startedAt = performance.now();
    for (const text of ['one', 'two', 'three']) client.socket.write(text);
    client.socket.end();
    await vi.waitFor(() => expect(client.received).toBe('onetwothree'));
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThanOrEqual(195);
    await once(client.socket, 'close');
  });

  it('answers HTTP requests with 503 SlowDown', async () => {
    await proxy.set('slow-down');
    const response = await fetch(`http://127.0.0.1:${proxy.port}/bucket/key`, {
      method: 'PUT',
      body: 'x'.repeat(100_000),
    });
    expect(response.status).toBe(503);
    expect(await response.text()).toContain('<Code>SlowDown</Code>');
    expect(proxy.refused).toBe(1);
    await proxy.set('pass');
    await openAndHear('one');
  });
});
