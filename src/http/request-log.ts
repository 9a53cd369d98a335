/** Logs one line per request, with its id: at `info` for the API, and at `debug` for streams and the page. */
import { type FastifyReply, type FastifyRequest, LogController } from 'fastify';
import { loggedUrl } from './logged-url.ts';

const QUIET = /^\/(stream|signed|assets|docs|healthz|readyz)\b|^\/$/;

/** Replaces the two log lines of Fastify by one, without credentials. */
export class RequestLog extends LogController {
  /** Logs nothing: the one line is written with the response. */
  override incomingRequest(): void {}

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    const level = QUIET.test(request.url) ? 'debug' : 'info';
    request.log[level](
      {
        method: request.method,
        url: loggedUrl(request.url),
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ...(error && { err: error }),
      },
      'request',
    );
  }
}
