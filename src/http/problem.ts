/** Errors on the wire: RFC 9457 problem details, whatever went wrong and wherever. */
import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode, errors } from '../errors.ts';

/** Errors that somebody should look into. All others are answers that clients are meant to get, however many do. */
const FAULTS: ReadonlySet<ErrorCode> = new Set(['internal', 'probe_unavailable', 'storage_unavailable']);

/** Sends one error; for errors of 500 and up the client learns nothing internal. */
export function sendProblem(reply: FastifyReply, error: AppError): FastifyReply {
  if (error.retryAfterSeconds !== undefined)
    void reply.header('retry-after', String(error.retryAfterSeconds));
  // RFC 6750 section 3
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
  // RFC 9110 section 15.5.9: the server has given up waiting on this connection.
  if (error.status === 408) void reply.header('connection', 'close');
  return reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemOf(error));
}

/** The problem document of an error. */
export function problemOf(error: AppError) {
  return {
    type: 'about:blank',
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    code: error.code,
    detail: error.message,
    ...error.extensions,
  };
}

/** Makes every error of the app a problem document, those of Fastify and its plugins included. */
export function registerProblems(app: FastifyInstance): void {
  app.setErrorHandler((error: FastifyError | AppError, request, reply) => {
    const known = error instanceof AppError ? error : (fromSchema(error) ?? fromFramework(error));
    if (FAULTS.has(known.code)) request.log.error({ err: error }, 'request failed');
    else request.log.debug(refusal(known), 'request refused');
    return sendProblem(reply, known);
  });
  app.setNotFoundHandler((_request: FastifyRequest, reply) => sendProblem(reply, errors.routeNotFound()));
}

/** For the log. The stack of an error of ours tells nothing: 50,000 held requests that timed out wrote 24 MB of them. */
function refusal({ code, message, cause }: AppError) {
  return { code, detail: message, ...(cause !== undefined && { err: cause }) };
}

/** What a schema of zod found, each at its field. */
function fromSchema({ validation, validationContext }: FastifyError): AppError | undefined {
  if (!validation) return undefined;
  const faults = validation.map(({ instancePath, message = 'it is not valid' }) =>
    validationContext === 'body'
      ? { pointer: instancePath === '/' ? '#' : `#${instancePath}`, detail: message }
      : { parameter: instancePath.slice(1), detail: message },
  );
  return validationContext === 'body' ? errors.invalidBody(faults) : errors.invalidQuery(faults);
}

/** Fastify's own errors below 500 carry a sentence that is fit for the client; the rest is ours to hide. */
function fromFramework(error: FastifyError): AppError {
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    return new AppError({ code: 'bad_request', status, detail: error.message }, { cause: error });
  }
  return new AppError(
    { code: 'internal', detail: 'Something failed inside the server. It has been logged.' },
    { cause: error },
  );
}
