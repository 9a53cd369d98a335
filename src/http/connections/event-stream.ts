/** Writes a stream of Server-Sent Events. */
import type { FastifyReply } from 'fastify';

export interface EventStream {
  /** Resolves when the system has taken all events, or the client is gone. Call it again only after that. */
  send(events: readonly { event: string; data: unknown }[]): Promise<void>;
  end(): void;
  isClosed(): boolean;
  /** Calls back once, when the client is gone or the stream has ended. */
  onClose(listener: () => void): void;
}

/**
 * Opens a stream on a response, taking it over from Fastify.
 *
 * @param heartbeatMs milliseconds between comments on an idle stream.
 */
export function openEventStream(reply: FastifyReply, heartbeatMs: number): EventStream {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    // nginx would buffer events.
    'x-accel-buffering': 'no',
  });
  raw.flushHeaders();
  // Write nothing more to a client that does not read: its connection ends after `stalledAnswerMs`.
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

/** Formats an event. JSON has no line breaks, so one line of data is enough. */
function textOf({ event, data }: { event: string; data: unknown }): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
