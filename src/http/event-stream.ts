/** One open stream of Server-Sent Events. */
import type { FastifyReply } from 'fastify';

export interface EventStream {
  /** Resolves when there is room for the next one, or the client is gone. */
  send(event: string, data: unknown): Promise<void>;
  end(): void;
  isClosed(): boolean;
  /** Resolves when the client is gone or the stream was ended. */
  closed: Promise<void>;
}

/** Shorter than what proxies take for a dead connection. */
const HEARTBEAT_MS = 20_000;

/** Takes the answer over from Fastify. */
export function openEventStream(reply: FastifyReply): EventStream {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // nginx would keep events back.
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  const heartbeat = setInterval(() => raw.write(': still here\n\n'), HEARTBEAT_MS);
  const closed = new Promise<void>((resolve) => raw.once('close', resolve));
  let isClosed = false;
  const stop = () => {
    isClosed = true;
    clearInterval(heartbeat);
  };
  raw.once('close', stop);

  return {
    closed,
    isClosed: () => isClosed,
    async send(event, data) {
      if (isClosed) return;
      // JSON has no line breaks of its own, so one line of data is enough.
      const hasRoom = raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
      if (!hasRoom) await Promise.race([closed, new Promise((resolve) => raw.once('drain', resolve))]);
    },
    end() {
      stop();
      raw.end();
    },
  };
}
