/** `/healthz`: the process answers. `/readyz`: it can do its work. */
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import { toolVersion } from '../media/launcher.ts';
import type { Services } from '../services.ts';

interface Check {
  ok: boolean;
  detail?: string;
}

export async function healthRoutes(
  app: FastifyInstance,
  { services, config }: { services: Services; config: Config },
): Promise<void> {
  const { library, storage, encoder } = services;

  app.get('/healthz', async (_request, reply) => {
    void reply.header('cache-control', 'no-store');
    return { status: 'ok' };
  });

  app.get('/readyz', async (request, reply) => {
    const check = async (name: string, look: () => Promise<string | undefined>): Promise<Check> => {
      try {
        const detail = await look();
        return { ok: true, ...(detail !== undefined && { detail }) };
      } catch (error) {
        request.log.error({ err: error, check: name }, 'not ready');
        return { ok: false, detail: `${name} failed; the log says why` };
      }
    };
    const [ffmpeg, ffprobe, uploadsAndSegments, manifests, damaged] = await Promise.all([
      check('ffmpeg', () => toolVersion(config.ffmpegPath, 'FFMPEG_PATH')),
      check('ffprobe', () => toolVersion(config.ffprobePath, 'FFPROBE_PATH')),
      check('writing to uploads/ and segments/', async () => void (await storage.assertWritable())),
      check('writing to manifests/', async () => void (await library.assertWritable())),
      library.damaged(),
    ]);
    const checks = { ffmpeg, ffprobe, uploadsAndSegments, manifests };
    const ready = Object.values(checks).every(({ ok }) => ok);
    return reply
      .code(ready ? 200 : 503)
      .header('cache-control', 'no-store')
      .send({
        status: ready ? 'ready' : 'not ready',
        checks,
        waiting: encoder.waiting,
        damagedTracks: damaged,
      });
  });
}
