/** Reads the bodies of patches: small JSON by its media type, without what is dangerous in JSON. */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '../errors.ts';

/** Media types of a patch; the first is that of RFC 7396. Plain JSON is understood in the same way. */
const PATCH_TYPES = ['application/merge-patch+json', 'application/json'] as const;
export const ACCEPT_PATCH = PATCH_TYPES.join(', ');
/** Levels of arrays and objects. Recursive code must not run out of stack. */
const MAX_DEPTH = 11;

/**
 * Accepts patches in a scope, and no other bodies.
 *
 * @param read reads a body whole, within its limits.
 */
export function acceptPatches(app: FastifyInstance, read: (body: Readable) => Promise<string>): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([...PATCH_TYPES], async (_request: FastifyRequest, body: Readable) =>
    parsePatch(await read(body)),
  );
  // RFC 5789 section 2.2: the answer says what is accepted.
  app.addHook('onSend', async (_request: FastifyRequest, reply: FastifyReply) => {
    if (reply.statusCode === 415) void reply.header('accept-patch', ACCEPT_PATCH);
  });
  app.addContentTypeParser('*', async () => {
    throw errors.unsupportedPatch(ACCEPT_PATCH);
  });
}

/** Parses JSON. @throws {AppError} 400 when it is not valid, too deep, or has a key `__proto__` or an endless number. */
export function parsePatch(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`The body must be JSON: ${(cause as Error).message}`);
  }
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) throw invalid(`The body must not be nested deeper than ${MAX_DEPTH} levels`);
    if (level.some((each) => each === Number.POSITIVE_INFINITY || each === Number.NEGATIVE_INFINITY))
      throw invalid('The body must not have numbers beyond 1.8e308');
    const objects = level.filter((each) => typeof each === 'object' && each !== null) as object[];
    // Some code takes such a member for the prototype of its object.
    if (objects.some((each) => Object.hasOwn(each, '__proto__')))
      throw invalid('The body must not have a key "__proto__"');
    level = objects.flatMap((each) => Object.values(each));
  }
  return value;
}

const invalid = (detail: string) => errors.invalidBody([{ pointer: '#', detail }]);
