/** `/healthz`: the process answers. `/readyz`: it can do its work. */
import type { FastifyInstance } from 'fastify';
import type { Config } from '../../config/config.ts';
import type { Services } from '../../services.ts';
import type { Keyring } from '../access/api-keys.ts';
import { isKnownHost } from '../access/origin.ts';
import type { ClientTimeouts } from '../connections/timeouts.ts';
import { json } from '../openapi/responses.ts';
import { Health, Readiness } from '../openapi/schemas.ts';
import { createReadiness } from './readiness.ts';

export async function healthRoutes(
  app: FastifyInstance,
  {
    services,
    config,
    keyring,
    timeouts,
  }: { services: Services; config: Config; keyring: Keyring; timeouts: ClientTimeouts },
): Promise<void> {
  const { library, encoder, segmentRepair, tools, started } = services;
  const look = createReadiness(services, config, timeouts.readinessMs);

  let isIndexed = false;
  started.then(
    () => {
      isIndexed = true;
    },
    () => {},
  );

  const healthz = {
    ...{ operationId: 'getHealth', tags: ['health'], summary: 'The process answers' },
    response: { 200: json('It does', Health) },
  };
  app.get('/healthz', { schema: healthz }, async (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    return { status: 'ok' };
  });

  const readyz = {
    ...{ operationId: 'getReadiness', tags: ['health'], summary: 'The server can do its work' },
    description:
      'The library is read, ffmpeg encodes, folders are writable, there is room. Details are for holders of a key; without `API_KEYS`, for requests that name the server by one of its own names.',
    response: { 200: json('It can', Readiness), 503: json('It cannot', Readiness) },
  };
  app.get('/readyz', { schema: readyz }, async (request, reply) => {
    const isOpen = !keyring.isLocked && isKnownHost(request, config);
    const isTold = isOpen || keyring.holderOf(request) !== undefined;
    if (!isIndexed) {
      const library = { ok: false, detail: 'it is being read; what is ready is served, uploads wait' };
      return reply
        .code(503)
        .header('cache-control', 'no-store')
        .send({ status: 'not ready', ...(isTold && { checks: { library } }) });
    }
    const [checks, unreadable, incomplete] = await Promise.all([
      look(),
      library.damaged(),
      segmentRepair.damaged(),
    ]);
    const ready = Object.values(checks).every(({ ok }) => ok);
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({
        status: ready ? 'ready' : 'not ready',
        ...(isTold && {
          checks,
          waiting: encoder.waiting,
          sandbox: (await tools).sandbox,
          damagedTracks: [...new Set([...unreadable, ...incomplete])],
          inUse: services.governor.usage(),
        }),
      });
  });
}
