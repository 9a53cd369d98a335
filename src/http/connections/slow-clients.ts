/**
 * Connections whose client does not go on: headers that do not come, bodies that do not end, answers that are not
 * read. Uploads have rules of their own, see `upload-slots.ts`.
 */
import { type IncomingMessage, type ServerOptions, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../../errors.ts';
import { problemOf } from '../problem.ts';
import type { Connections } from './connections.ts';
import type { ClientTimeouts } from './timeouts.ts';

/** Longer than players pause between two segments, and than proxies keep theirs (60 s as a rule): they close first. */
const KEEP_ALIVE_MS = 72_000;

/** An answer that stalls is noticed a quarter of its time later at the most. */
const LOOKS_PER_STALL = 4;

/**
 * For Node's HTTP server. Of its own limits only that of headers is used: its `requestTimeout` would cut a long upload
 * however well it moves, and `connectionTimeout` a request that waits for its answer.
 */
export function serverOptions({ headersMs, headersCheckMs }: ClientTimeouts): ServerOptions {
  return {
    ...{ headersTimeout: headersMs, connectionsCheckingInterval: headersCheckMs },
    ...{ requestTimeout: 0, keepAliveTimeout: KEEP_ALIVE_MS },
  };
}

/**
 * To be called before any route is registered. Nothing here is a hook: a request without a body costs a look at two
 * headers, and answers are looked at now and then, all at once.
 */
export function limitSlowClients(
  app: FastifyInstance,
  { open }: Connections,
  timeouts: ClientTimeouts,
): void {
  const { server } = app;
  const { leftoverMs, stalledAnswerMs } = timeouts;

  // No route takes JSON or text: nobody's answer waits for the end of such a body, and none is held in memory.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _body, done) => done(null));

  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { 'content-length': length, 'transfer-encoding': coding } = request.headers;
    if (length !== undefined || coding !== undefined) limitLeftover(request, response, leftoverMs);
  });

  const watchAnswers = setInterval(endStalled(open, stalledAnswerMs), stalledAnswerMs / LOOKS_PER_STALL);
  watchAnswers.unref();
  server.once('close', () => clearInterval(watchAnswers));
}

/**
 * Ends connections whose client takes nothing of what it is sent. `socket.setTimeout` does not tell: it begins anew with
 * each byte that the server writes or the client sends, such as the heartbeat of an event stream.
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
 * Bytes that the system has taken for a client so far. Node tells in public only of whole writes, and a slow client takes
 * minutes for one; its own timeout reads these two fields as well.
 */
function takenBytesOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & {
    _handle?: { bytesWritten: number; writeQueueSize: number } | null;
  };
  return handle ? handle.bytesWritten - handle.writeQueueSize : 0;
}

/**
 * What is left of a body after its answer, such as that of an upload that was refused, is read and dropped for a
 * while: a client that is still sending would otherwise lose the answer to a reset (RFC 9112 section 9.6).
 */
function limitLeftover(request: IncomingMessage, response: ServerResponse, leftoverMs: number): void {
  response.once('finish', () => {
    const { socket } = request;
    if (request.complete || socket.destroyed) return;
    const timer = setTimeout(() => socket.destroy(), leftoverMs);
    const stop = () => {
      clearTimeout(timer);
      // The connection goes on with other requests.
      socket.off('close', stop);
    };
    request.once('end', stop);
    socket.once('close', stop);
  });
}

/**
 * Answers what is no request, or not in time, as all errors are answered (RFC 9457), and closes the connection: where
 * a next request would begin is unknown.
 */
export function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  // Nothing may be put into the middle of an answer.
  if (socket.writable && error.code !== 'ECONNRESET' && !answerOn(socket)?.headersSent) {
    const problem = problemOf(fromParser(error));
    const body = JSON.stringify(problem);
    socket.write(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy();
}

function fromParser({ code }: NodeJS.ErrnoException): AppError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const detail = 'The request did not arrive in time.';
    return new AppError({ code: 'request_too_slow', detail });
  }
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new AppError({ code: 'bad_request', status: 431, detail: 'The headers are too long.' });
  }
  return new AppError({ code: 'bad_request', detail: 'That is not HTTP.' });
}

/** The answer that a connection is carrying just now; Node has no public way to ask. */
function answerOn(socket: Socket): ServerResponse | null | undefined {
  return (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
}
