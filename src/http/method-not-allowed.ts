/** 405 with `Allow` (RFC 9110 section 15.5.6) for every address that exists under another method. */
import type { FastifyInstance, HTTPMethods } from 'fastify';
import { errors } from '../errors.ts';
import { sendProblem } from './problem.ts';

/** To be called before any route is registered; gives what is to be called after the last one. */
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
      // Preflights of streams have a route of their own for all of them.
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
        // Answered before a body is looked at.
        onRequest: async (_request, reply) =>
          sendProblem(reply.header('allow', allow), errors.methodNotAllowed(allow)),
        handler: () => {},
      });
    }
  };
}
