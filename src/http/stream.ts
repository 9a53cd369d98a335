/**
 * `/stream`: manifests and segments, for players. By far most requests are for these, so they carry only what they need:
 * no hook, no plugin, no line in the log, no logger of their own. What each of those costs is told in `caching.ts`.
 */
import type { FastifyInstance } from 'fastify';
import type { Config } from '../config.ts';
import type { Services } from '../services.ts';
import { crossOrigin, registerCrossOrigin } from './cross-origin.ts';
import { manifestRoutes } from './manifests.ts';
import { segmentRoutes } from './segments.ts';

export async function streamRoutes(
  app: FastifyInstance,
  { services, config }: { services: Services; config: Config },
): Promise<void> {
  const origins = crossOrigin(config.corsOrigin);
  app.setChildLoggerFactory((logger) => logger);
  registerCrossOrigin(app, origins);
  manifestRoutes(app, { services, origins });
  segmentRoutes(app, { services, config, origins });
}
