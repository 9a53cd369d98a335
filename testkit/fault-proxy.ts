/** A TCP proxy between a node and an engine that can do what a bad network and a bad engine do. */
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';

/**
 * - `pass` forwards everything.
 * - `cut` resets every connection and refuses new ones.
 * - `hang` accepts connections and forwards nothing, in both directions, as behind a cable that was pulled. What was sent
 *   meanwhile arrives when the fault is over, as TCP repeats it; `cut` between the two loses it instead.
 * - `slow-down` resets every connection and answers each HTTP request on a new one with 503 SlowDown, as S3 does.
 * - `delayMs` lets everything that is sent to the engine arrive so much later.
 */
export type Fault = 'pass' | 'cut' | 'hang' | 'slow-down' | { delayMs: number };

export interface FaultProxy {
  /** Where it listens on the loopback. */
  port: number;
  /** How many requests `slow-down` has answered. */
  readonly refused: number;
  /** Sets what happens from now on, to connections that exist as well. */
  set(fault: Fault): Promise<void>;
  close(): Promise<void>;
}

interface Link {
  client: Socket;
  engine: Socket;
}

/** How long a port that was closed is tried again, in case that a connection of another program uses it at that moment. */
const LISTEN_AGAIN_MS = 10_000;

/** Starts a proxy on a free port that leads to `enginePort`. */
export async function startFaultProxy(enginePort: number): Promise<FaultProxy> {
  const links = new Set<Link>();
  let fault: Fault = 'pass';
  let refused = 0;

  const refusal = createHttpServer((request, response) => {
    refused++;
    request.resume();
    request.once('end', () => response.writeHead(503, { 'content-type': 'application/xml' }).end(SLOW_DOWN));
  });
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (fault === 'slow-down') refuse(client);
    else if (fault === 'cut') reset(client);
    else join(client);
  });
  // An HTTP server that never listened does not know its connections.
  const refusedClients = new Set<Socket>();
  const refuse = (client: Socket) => {
    refusedClients.add(client);
    client.once('close', () => refusedClients.delete(client));
    refusal.emit('connection', client);
  };
  const join = (client: Socket) => {
    const link: Link = {
      client,
      engine: connect({ port: enginePort, host: '127.0.0.1', allowHalfOpen: true }),
    };
    links.add(link);
    forward(link, () => fault);
    link.client.once('close', () => links.delete(link));
  };
  await listen(server, 0);
  const { port } = server.address() as { port: number };
  const resetAll = () => {
    for (const { client, engine } of links) {
      reset(client);
      reset(engine);
    }
  };
  return {
    port,
    get refused() {
      return refused;
    },
    async set(next) {
      fault = next;
      if (next === 'cut' || next === 'slow-down') resetAll();
      for (const client of refusedClients) client.destroy();
      if (next === 'cut') await stopListening(server);
      else if (!server.listening) await listen(server, port);
      for (const link of links) flow(link, next !== 'hang');
    },
    async close() {
      resetAll();
      for (const client of refusedClients) client.destroy();
      await stopListening(server);
    },
  };
}

const SLOW_DOWN = `<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>`;

/** Forwards both directions, with the fault of each moment. */
function forward(link: Link, fault: () => Fault): void {
  const { client, engine } = link;
  const pass = (from: Socket, to: Socket, chunk: Buffer) => {
    if (!to.writable || to.write(chunk)) return;
    // Read on when the other side has taken it.
    from.pause();
    // Chunks that were delayed come in one burst: the first of them waits for all.
    if (to.listenerCount('drain') > 0) return;
    to.once('drain', () => {
      if (fault() !== 'hang') from.resume();
    });
  };
  client.on('data', (chunk) => {
    const now = fault();
    if (typeof now === 'object') setTimeout(() => pass(client, engine, chunk), now.delayMs);
    else pass(client, engine, chunk);
  });
  engine.on('data', (chunk) => pass(engine, client, chunk));
  for (const [from, to] of [
    [client, engine],
    [engine, client],
  ] as const) {
    from.on('error', () => {});
    from.on('end', () => {
      const now = fault();
      // Behind what is still on its way.
      if (typeof now === 'object') setTimeout(() => to.end(), now.delayMs);
      else to.end();
    });
    // A reset is forwarded as a reset; while the cable is pulled, nobody learns of it.
    from.on('close', (hadError) => {
      if (hadError && fault() !== 'hang') reset(to);
    });
    from.setNoDelay(true);
  }
  flow(link, fault() !== 'hang');
}

function flow({ client, engine }: Link, isFlowing: boolean): void {
  for (const socket of [client, engine]) {
    if (isFlowing) socket.resume();
    else socket.pause();
  }
}

/** Closes with a RST. Node does that only where nothing waits to be written, and never ends where the end was sent before. */
function reset(socket: Socket): void {
  if (socket.connecting || socket.writableEnded || socket.writableLength > 0) socket.destroy();
  else socket.resetAndDestroy();
}

async function listen(server: Server, port: number): Promise<void> {
  const end = Date.now() + LISTEN_AGAIN_MS;
  for (;;) {
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening');
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function stopListening(server: Server): Promise<void> {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  await closed;
}
