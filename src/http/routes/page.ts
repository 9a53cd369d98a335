/**
 * `GET /`: the page, with dash.js from the installed package. `GET /docs`: the API reference. Nothing comes from another
 * host.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { Services } from '../../services.ts';
import { harden } from '../access/protection.ts';

const pageFolder = fileURLToPath(new URL('../../page/', import.meta.url));
const require = createRequire(import.meta.url);
/** Folder of the build for a plain script tag, which `require` resolves to. */
const dashFolder = path.dirname(require.resolve('dashjs'));

/** The files of the page by name: no folder is served as a whole. */
const ASSETS: Record<string, string> = {
  'api.js': pageFolder,
  'app.js': pageFolder,
  'dash-engine.js': pageFolder,
  'dom.js': pageFolder,
  'encoded-bar.js': pageFolder,
  'event-reader.js': pageFolder,
  'hls-engine.js': pageFolder,
  'key.js': pageFolder,
  'player.js': pageFolder,
  'style.css': pageFolder,
  'tracks.js': pageFolder,
  'uploads.js': pageFolder,
  'dash.all.min.js': dashFolder,
};

/** Serves the page. */
export async function pageRoutes(app: FastifyInstance, { services }: { services: Services }): Promise<void> {
  await harden(app, { streamsFrom: services.storage.addresses?.origin });
  await app.register(fastifyStatic, { root: pageFolder, serve: false, cacheControl: false });
  const cached = { 'cache-control': 'no-cache' };

  const schema = { hide: true };
  app.get('/', { schema }, (_request, reply) => reply.headers(cached).sendFile('index.html', pageFolder));
  for (const [name, folder] of Object.entries(ASSETS)) {
    app.get(`/assets/${name}`, { schema }, (_request, reply) => reply.headers(cached).sendFile(name, folder));
  }
}

/** Serves the API reference. */
export async function docsRoutes(app: FastifyInstance): Promise<void> {
  // Swagger UI sets inline styles.
  await harden(app, { styles: 'inline' });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    theme: { title: 'Audio streaming: the API' },
    uiConfig: { deepLinking: true, tryItOutEnabled: true },
  });
}
