/** Answers 405 with `Allow` (RFC 9110 section 15.5.6) for every address that exists with another method. */
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { errors } from '../errors.ts';
import { sendProblem } from './problem.ts';

/** Watches the registration of routes. Call it before the first one, and call its result after the last one. */
export function watchMethods(app: FastifyInstance): () => void {
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', (route) => {
    const known = methods.get(route.url) ?? new Set();
    for (const method of [route.method].flat()) known.add(method);
    methods.set(route.url, known);
  });

  return () => {
    for (const [url, known] of [...methods]) {
      const allow = [...known].sort().join(', ');
      // Streams have one route for all preflights.
      const isTaken = (method: string) =>
        known.has(method) ||
        app.hasRoute({ method: method as HTTPMethods, url }) ||
        (method === 'OPTIONS' && /^\/(stream|signed)\//.test(url));
      const others = app.supportedMethods.filter((method) => !isTaken(method)) as HTTPMethods[];
      if (others.length === 0 || url.endsWith('*')) continue;
      app.route({
        method: others,
        url,
        schema: { hide: true },
        // Answer before a body is read.
        onRequest: async (_request, reply) =>
          sendProblem(reply.header('allow', allow), errors.methodNotAllowed(allow)),
        handler: () => {},
      });
    }
  };
}
