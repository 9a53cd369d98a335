/**
 * Ends connections of clients that stall: that send no headers, do not end a body, or do not read responses. Uploads have
 * their own rules, see `upload-slots.ts`.
 */
import { type IncomingMessage, type ServerOptions, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { AppError, errors } from '../../errors.ts';
import { problemOf } from '../problem.ts';
import type { Connections } from './connections.ts';
import type { ClientTimeouts } from './timeouts.ts';

/**
 * Longer than players pause between two segments, and longer than proxies keep connections (usually 60 s): they close
 * first.
 */
const KEEP_ALIVE_MS = 72_000;

/** Checks per timeout: a stalled response is noticed at most a quarter of the timeout late. */
const CHECKS_PER_TIMEOUT = 4;

/**
 * Returns the options of Node's HTTP server. Only its limit of headers is used: `requestTimeout` would cut a long upload
 * however fast it is, and `connectionTimeout` would cut a request that waits for its response.
 */
export function serverOptions({ headersMs, headersCheckMs }: ClientTimeouts): ServerOptions {
  return {
    headersTimeout: headersMs,
    connectionsCheckingInterval: headersCheckMs,
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
}

/**
 * Limits stalling clients. Call it before the first route is registered. Uses no hook, for speed: a request without a body
 * costs a look at two headers, and all responses are checked together from time to time.
 */
export function limitSlowClients(
  app: FastifyInstance,
  { open }: Connections,
  timeouts: ClientTimeouts,
): void {
  const { server } = app;
  const { leftoverMs, stalledAnswerMs } = timeouts;

  // No route reads JSON or text by a parser: no response waits for the end of such a body, and none is kept in memory.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (length !== undefined || coding !== undefined) limitLeftover(request, response, leftoverMs);
  });

  const watchResponses = setInterval(endStalled(open, stalledAnswerMs), stalledAnswerMs / CHECKS_PER_TIMEOUT);
  watchResponses.unref();
  server.once('close', () => clearInterval(watchResponses));
}

/**
 * Returns a check that ends connections whose client reads nothing for `stalledAnswerMs`. `socket.setTimeout` cannot do
 * this: it starts anew with each byte that the server writes or the client sends, such as the heartbeat of an event stream.
 */
export function endStalled(open: ReadonlySet<Socket>, stalledAnswerMs: number): () => void {
  const stalls = new WeakMap<Socket, { takenBytes: number; since: number }>();
  return () => {
    const now = performance.now();
    for (const socket of open) {
      if (socket.writableLength === 0) {
        stalls.delete(socket);
        continue;
      }
      const takenBytes = takenBytesOf(socket);
      const stall = stalls.get(socket);
      if (stall?.takenBytes !== takenBytes) stalls.set(socket, { takenBytes, since: now });
      else if (now - stall.since >= stalledAnswerMs) socket.destroy();
    }
  };
}

/**
 * Returns the bytes that the system has taken for a client so far. Node's public fields count only whole writes, and a slow
 * client takes minutes for one. Node's own timeout reads these two fields as well.
 */
function takenBytesOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & {
    _handle?: { bytesWritten: number; writeQueueSize: number } | null;
  };
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0;
}

/**
 * Reads and drops the rest of a body after its response, such as that of a refused upload, for at most `leftoverMs`.
 * Otherwise a client that is still sending would lose the response to a reset (RFC 9112 section 9.6).
 */
function limitLeftover(request: IncomingMessage, response: ServerResponse, leftoverMs: number): void {
  response.once('finish', () => {
    const { socket } = request;
    if (request.complete || socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), leftoverMs);
    const stop = () => {
      clearTimeout(timer);
      // The connection may serve more requests.
      socket.off('close', stop);
    };
    request.once('end', stop);
    socket.once('close', stop);
  });
}

/**
 * Answers invalid or late requests with problem details (RFC 9457), and closes the connection, for the start of the next
 * request is unknown.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // Write nothing into the middle of a response.
  if (socket.writable && error.code !== 'ECONNRESET' && !responseOn(socket)?.headersSent) {
    const problem = problemOf(fromParser(error));
    const body = JSON.stringify(problem);
    socket.write(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy();
}

/** Converts an error of Node's HTTP parser. */
function fromParser({ code }: NodeJS.ErrnoException): AppError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return errors.requestTooSlow();
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new AppError({
      code: 'bad_request',
      status: 431,
      detail: 'The headers of the request are too long. Send shorter ones.',
    });
  }
  return new AppError({ code: 'bad_request', detail: 'The request is not valid HTTP/1.1.' });
}

/** Returns the current response of a connection. Node has no public field for it. */
function responseOn(socket: Socket): ServerResponse | null | undefined {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
}
