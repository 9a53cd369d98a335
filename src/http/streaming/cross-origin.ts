/**
 * Lets pages of other sites read streams (the Fetch standard, section "CORS protocol"). Without a plugin, for its hook runs
 * for every request; here, if all origins are allowed, the headers are made once, with those of the segment.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { HeaderList } from './caching.ts';

const METHODS = 'GET, HEAD';
const EXPOSED = 'Content-Length, Content-Range, ETag, Date, Retry-After';
const PREFLIGHT_SECONDS = 86_400;

export interface CrossOrigin {
  /** Headers of every response. */
  always: HeaderList;
  /** Returns the headers of the response to this request. */
  of(request: Pick<FastifyRequest, 'headers'>): HeaderList;
}

/** Makes the headers. @param allowed all origins, or these. */
export function crossOrigin(allowed: '*' | readonly string[]): CrossOrigin {
  // Players choose their bit rate by the timing of downloads (Resource Timing, section 4.5).
  const granted = (origin: string) => [
    ...['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', EXPOSED],
    ...['Timing-Allow-Origin', origin],
  ];
  if (allowed === '*') return { always: granted('*'), of: () => [] };
  const lists = new Map(allowed.map((origin) => [origin, granted(origin)]));
  // `Vary` also if nothing is granted: a shared cache must not give the response for one site to another.
  return { always: ['Vary', 'Origin'], of: ({ headers }) => lists.get(headers.origin ?? '') ?? [] };
}

/** Answers preflights of streams, and adds the headers to errors of streams. */
export function registerCrossOrigin(app: FastifyInstance, { always, of }: CrossOrigin): void {
  const preflight = (request: FastifyRequest, reply: FastifyReply) => {
    reply.hijack();
    const asked = request.headers['access-control-request-headers'];
    const headers = [
      ...['Access-Control-Allow-Methods', METHODS, 'Access-Control-Max-Age', String(PREFLIGHT_SECONDS)],
      ...(asked === undefined ? [] : ['Access-Control-Allow-Headers', asked]),
      ...['Content-Length', '0', ...always, ...of(request)],
    ];
    reply.raw.writeHead(204, headers).end();
  };
  for (const url of ['/stream/*', '/signed/*']) app.options(url, { schema: { hide: true } }, preflight);
  // Representations have these headers already; only errors need a hook.
  app.addHook('onError', async (request, reply) => {
    const headers = [...always, ...of(request)];
    for (let at = 0; at < headers.length; at += 2)
      void reply.header(headers[at] as string, headers[at + 1] as string);
  });
}
