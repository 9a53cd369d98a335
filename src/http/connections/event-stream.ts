/** One open stream of Server-Sent Events. */
import type { FastifyReply } from 'fastify';

export interface EventStream {
  /** Resolves when the system has taken all of them, or the client is gone. The next call has to wait for that. */
  send(events: readonly { event: string; data: unknown }[]): Promise<void>;
  end(): void;
  isClosed(): boolean;
  /** Calls back once, when the client is gone or the stream was ended. */
  onClose(listener: () => void): void;
}

/** Takes the answer over from Fastify. @param heartbeatMs milliseconds between two comments on a quiet stream. */
export function openEventStream(reply: FastifyReply, heartbeatMs: number): EventStream {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // nginx would keep events back.
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  // To a client that takes nothing, nothing is added: its connection ends when its timeouts does.
  const beat = () => raw.writableLength === 0 && raw.write(': still here\n\n');
  const heartbeat = setInterval(beat, heartbeatMs);
  let isClosed = false;
  let sent: (() => void) | undefined;
  const stop = () => {
    isClosed = true;
    clearInterval(heartbeat);
    sent?.();
  };
  raw.once('close', stop);
  if (raw.destroyed) stop();

  return {
    onClose: (listener) => void raw.once('close', listener),
    isClosed: () => isClosed,
    send: (events) =>
      new Promise((resolve) => {
        if (isClosed || events.length === 0) return resolve();
        sent = resolve;
        raw.write(events.map(textOf).join(''), () => resolve());
      }),
    end() {
      stop();
      raw.end();
    },
  };
}

/** JSON has no line breaks of its own, so one line of data is enough. */
function textOf({ event, data }: { event: string; data: unknown }): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
