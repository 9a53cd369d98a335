/**
 * Who may read streams from a page of another site (the Fetch standard, section "CORS protocol"). By hand, for the hook
 * of a plugin runs for every request: where everybody may, these headers are made once, with those of the segment.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { HeaderList } from './caching.ts';

const METHODS = 'GET, HEAD';
const EXPOSED = 'Content-Length, Content-Range, ETag, Date, Retry-After';
const PREFLIGHT_SECONDS = 86_400;

export interface CrossOrigin {
  /** Headers of every answer. */
  always: HeaderList;
  /** Headers of the answer to this request. */
  of(request: Pick<FastifyRequest, 'headers'>): HeaderList;
}

/** @param allowed every origin, or those. */
export function crossOrigin(allowed: '*' | readonly string[]): CrossOrigin {
  // The timing of downloads is what players choose their bit rate by (Resource Timing, section 4.5).
  const granted = (origin: string) => [
    ...['Access-Control-Allow-Origin', origin, 'Access-Control-Expose-Headers', EXPOSED],
    ...['Timing-Allow-Origin', origin],
  ];
  if (allowed === '*') return { always: granted('*'), of: () => [] };
  const lists = new Map(allowed.map((origin) => [origin, granted(origin)]));
  // Named also where it grants nothing: a shared cache must not give one site's answer to another.
  return { always: ['Vary', 'Origin'], of: ({ headers }) => lists.get(headers.origin ?? '') ?? [] };
}

/** Answers preflights of streams, and has errors there carry the same headers as what players want. */
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
  // Representations do not come this way.
  app.addHook('onError', async (request, reply) => {
    const headers = [...always, ...of(request)];
    for (let at = 0; at < headers.length; at += 2)
      void reply.header(headers[at] as string, headers[at + 1] as string);
  });
}
