/** Sends every error as problem details (RFC 9457). */
import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type ErrorCode, errors } from '../errors.ts';

/** Errors that the operator should look into. All others are normal responses, however many clients get them. */
const FAULTS: ReadonlySet<ErrorCode> = new Set(['internal', 'probe_unavailable', 'storage_unavailable']);

/** Sends an error. The response contains the detail of the error, never its cause. */
export function sendProblem(reply: FastifyReply, error: AppError): FastifyReply {
  if (error.retryAfterSeconds !== undefined)
    void reply.header('retry-after', String(error.retryAfterSeconds));
  // RFC 6750 section 3
  if (error.status === 401) void reply.header('www-authenticate', 'Bearer');
  // RFC 9110 section 15.5.9: the server closes the connection.
  if (error.status === 408) void reply.header('connection', 'close');
  return reply
    .code(error.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemOf(error));
}

/** Returns the problem document of an error. */
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

/** Makes every error of the app a problem document, including those of Fastify and its plugins. */
export function registerProblems(app: FastifyInstance): void {
  const isNews = createNewsFilter();
  app.setErrorHandler((error: FastifyError | AppError, request, reply) => {
    const known = error instanceof AppError ? error : (fromSchema(error) ?? fromFramework(error));
    // An engine that is away for a minute would fill the log with what it says of each request.
    if (FAULTS.has(known.code) && isNews(known)) request.log.error({ err: error }, 'request failed');
    else request.log.debug(refusal(known), 'request refused');
    return sendProblem(reply, known);
  });
  app.setNotFoundHandler((_request: FastifyRequest, reply) => sendProblem(reply, errors.routeNotFound()));
}

/** Returns a function that tells whether an error is the first of its code within a second. Faults inside the server are all told. */
function createNewsFilter(): (error: AppError) => boolean {
  const lastAt = new Map<ErrorCode, number>();
  return ({ code }) => {
    const now = performance.now();
    const isNews = code === 'internal' || now - (lastAt.get(code) ?? Number.NEGATIVE_INFINITY) > 1000;
    if (isNews) lastAt.set(code, now);
    return isNews;
  };
}

/**
 * Returns the log fields of a normal error, without its useless stack: 50,000 waiting requests that timed out logged 24 MB.
 */
function refusal({ code, message, cause }: AppError) {
  return { code, detail: message, ...(cause !== undefined && { err: cause }) };
}

/** Converts the errors that a zod schema found, each with its field. Returns undefined for other errors. */
function fromSchema({ validation, validationContext }: FastifyError): AppError | undefined {
  if (!validation) return undefined;
  const fieldErrors = validation.map(({ instancePath, message = 'it is not valid' }) =>
    validationContext === 'body'
      ? { pointer: instancePath === '/' ? '#' : `#${instancePath}`, detail: message }
      : { parameter: instancePath.slice(1), detail: message },
  );
  return validationContext === 'body' ? errors.invalidBody(fieldErrors) : errors.invalidQuery(fieldErrors);
}

/** Converts other errors. Fastify's own errors below 500 have a message for the client; all others are hidden from it. */
function fromFramework(error: FastifyError): AppError {
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) {
    return new AppError({ code: 'bad_request', status, detail: error.message }, { cause: error });
  }
  return new AppError(
    {
      code: 'internal',
      detail: 'The server failed to answer this request. Its log has the reason. Try again later.',
    },
    { cause: error },
  );
}
