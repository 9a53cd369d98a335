/** `/healthz`: the process answers. `/readyz`: it can do its work. */
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import type { Services } from '../services.ts';
import { json } from './answers.ts';
import type { Keyring } from './keys.ts';
import { Health, Readiness } from './schemas.ts';

/** Less is a full disk, whatever is set. */
const ROOM_FOR_SEGMENTS_BYTES = 1024 ** 2;

interface Check {
  ok: boolean;
  detail?: string;
}

export async function healthRoutes(
  app: FastifyInstance,
  { services, config, keyring }: { services: Services; config: Config; keyring: Keyring },
): Promise<void> {
  const { library, storage, encoder, mender, selfTest, tools, started } = services;

  let isIndexed = false;
  started.then(
    () => {
      isIndexed = true;
    },
    () => {},
  );

  /** ffprobe and ffmpeg encode a second of audio. */
  const ffmpegCheck = async (): Promise<Check> => {
    const trouble = await selfTest.recentTrouble();
    return trouble === null ? { ok: true, detail: (await tools).version } : { ok: false, detail: trouble };
  };

  const roomCheck = async (): Promise<Check> => {
    const { bytes: free } = await storage.room();
    const ok = free >= Math.max(ROOM_FOR_SEGMENTS_BYTES, config.minFreeBytes);
    return { ok, detail: `${free} bytes are free, ${config.minFreeBytes} are kept (MIN_FREE_BYTES)` };
  };

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
      'The library is read, ffmpeg encodes, folders are writable, there is room. Where `API_KEYS` is set, only who brings a key is told more than the status.',
    response: { 200: json('It can', Readiness), 503: json('It cannot', Readiness) },
  };
  app.get('/readyz', { schema: readyz }, async (request, reply) => {
    const isTold = !keyring.isLocked || keyring.holderOf(request) !== undefined;
    const check = async (name: string, look: () => Promise<string | undefined>): Promise<Check> => {
      try {
        const detail = await look();
        return { ok: true, ...(detail !== undefined && { detail }) };
      } catch (error) {
        request.log.error({ err: error, check: name }, 'not ready');
        return { ok: false, detail: `${name} failed; the log says why` };
      }
    };
    if (!isIndexed) {
      const library = { ok: false, detail: 'it is being read; what is ready is served, uploads wait' };
      return reply
        .code(503)
        .header('cache-control', 'no-store')
        .send({ status: 'not ready', ...(isTold && { checks: { library } }) });
    }
    const [ffmpeg, room, uploadsAndSegments, manifests, unreadable, incomplete] = await Promise.all([
      ffmpegCheck(),
      roomCheck(),
      check('writing to uploads/ and segments/', async () => void (await storage.assertWritable())),
      check('writing to manifests/', async () => void (await library.assertWritable())),
      library.damaged(),
      mender.damaged(),
    ]);
    const checks = { ffmpeg, room, uploadsAndSegments, manifests };
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
