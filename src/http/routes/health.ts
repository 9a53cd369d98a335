/** `/healthz`: the process runs. `/readyz`: the server can do its work. */
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
  const { library, encoder, segmentRepair, tools, started, engines } = services;
  const check = createReadiness(services, config, timeouts.readinessMs);

  let isIndexed = false;
  started.then(
    () => {
      isIndexed = true;
    },
    () => {},
  );

  const healthz = {
    operationId: 'getHealth',
    tags: ['health'],
    summary: 'Check that the process runs',
    response: { 200: json('The process runs', Health) },
  };
  app.get('/healthz', { schema: healthz }, async (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    return { status: 'ok' };
  });

  const readyz = {
    operationId: 'getReadiness',
    tags: ['health'],
    summary: 'Check that the server can do its work',
    description:
      'Checks that the library is read, ffmpeg encodes, folders are writable and the disk has room. Details need an API key; without `API_KEYS`, they need a Host header with one of the own names of the server.',
    response: {
      200: json('The server can do its work', Readiness),
      503: json('The server cannot do its work', Readiness),
    },
  };
  app.get('/readyz', { schema: readyz }, async (request, reply) => {
    const isOpen = !keyring.isLocked && isKnownHost(request, config);
    const showsDetails = isOpen || keyring.holderOf(request) !== undefined;
    if (!isIndexed) {
      const library = {
        ok: false,
        detail: 'the library is being read; ready tracks are served, uploads wait',
      };
      return reply
        .code(503)
        .header('cache-control', 'no-store')
        .send({ status: 'not ready', ...(showsDetails && { checks: { library } }) });
    }
    const [checks, unreadable, incomplete] = await Promise.all([
      check(),
      library.damaged(),
      segmentRepair.damaged(),
    ]);
    const ready = Object.values(checks).every(({ ok }) => ok);
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({
        status: ready ? 'ready' : 'not ready',
        ...(showsDetails && {
          checks,
          node: engines.nodeState(),
          waiting: encoder.waiting,
          sandbox: (await tools).sandbox,
          damagedTracks: [...new Set([...unreadable, ...incomplete])],
          inUse: services.governor.usage(),
        }),
      });
  });
}
