/** Builds the HTTP server: a list, from top to bottom, of everything that it answers. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify';
import { createTimeSlices } from './concurrency/time-slices.ts';
import type { Config } from './config/config.ts';
import { createKeyring } from './http/access/api-keys.ts';
import { protect } from './http/access/protection.ts';
import { createSignedLinks } from './http/access/signed-links.ts';
import { watchConnections } from './http/connections/connections.ts';
import { oneAtATime } from './http/connections/pipelining.ts';
import { answerClientError, limitSlowClients, serverOptions } from './http/connections/slow-clients.ts';
import { CLIENT_TIMEOUTS, type ClientTimeouts } from './http/connections/timeouts.ts';
import { watchMethods } from './http/method-not-allowed.ts';
import { describeApi } from './http/openapi/openapi.ts';
import { registerProblems } from './http/problem.ts';
import { RequestLog } from './http/request-log.ts';
import { coverRoutes } from './http/routes/cover.ts';
import { editRoutes } from './http/routes/edit.ts';
import { eventRoutes } from './http/routes/events.ts';
import { fileRoutes } from './http/routes/files.ts';
import { healthRoutes } from './http/routes/health.ts';
import { linkRoutes } from './http/routes/links.ts';
import { docsRoutes, pageRoutes } from './http/routes/page.ts';
import { uploadRoutes } from './http/routes/upload.ts';
import { analysisFiles } from './http/streaming/analysis-files.ts';
import { CHAPTER_FILES } from './http/streaming/chapter-files.ts';
import { coverFile } from './http/streaming/cover-file.ts';
import { sideFileRoutes } from './http/streaming/side-files.ts';
import { createStreams } from './http/streaming/stream.ts';
import { createPresenter } from './http/track-view.ts';
import type { Services } from './services.ts';

/** Paths of API keys in log lines: a plugin may log the headers of a request. */
const REDACTED_PATHS = ['headers.authorization', '*.headers.authorization'];

/** Characters of a path parameter: more than any safe file name has, percent-encoded. */
const MAX_PARAM_LENGTH = 1024;

/**
 * Builds the app, which does not listen yet. Closing the app closes the services.
 *
 * @param timeouts for slow clients; tests shorten them.
 */
export async function buildApp(
  services: Services,
  config: Config,
  timeouts: ClientTimeouts = CLIENT_TIMEOUTS,
): Promise<FastifyInstance> {
  /** A node that only encodes answers for its health alone. */
  const answers = config.role !== 'encode';
  const keyring = createKeyring(config.apiKeys);
  const links = createSignedLinks(config.streamSecret);
  const slices = createTimeSlices();
  const sideFiles = [...CHAPTER_FILES, coverFile(services), ...analysisFiles({ ...services, slices })];
  const streams = createStreams(services, config, { links, sideFiles });
  // Typed as Fastify's own: with pino's type the app would fit no plugin.
  const log: FastifyBaseLogger = services.log.child({}, { redact: REDACTED_PATHS });
  const app = Fastify({
    loggerInstance: log,
    logController: new RequestLog(),
    genReqId: () => randomUUID(),
    trustProxy: config.trustProxy,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    // Idle connections end at once when the server stops; responses under way are finished.
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    // Serve cached streams before Fastify's router.
    serverFactory: (handler) =>
      createServer(
        serverOptions(timeouts),
        oneAtATime((request, response) => {
          if (!answers || !streams.serveCached(request, response)) handler(request, response);
        }),
      ),
    clientErrorHandler: answerClientError,
  });

  const connections = watchConnections(app.server);
  // Uploads that wait for their track get their response when work stops, so work stops while connections close.
  app.addHook('preClose', async () => {
    void services.stopWork();
    connections.closeAsTheyFallIdle();
  });
  app.addHook('onClose', async () => services.close());

  registerProblems(app);
  limitSlowClients(app, connections, timeouts);
  const registerMethodNotAllowed = watchMethods(app);

  await describeApi(app, { publicUrl: config.publicUrl, isLocked: keyring.isLocked });

  const presenter = createPresenter(services, links, config.publicUrl);
  await app.register(healthRoutes, { services, config, keyring, timeouts });
  if (!answers) return app;
  await app.register(async (uploads) => {
    await protect(uploads, { perMinute: config.uploadRateLimit, keyring, config });
    await uploads.register(uploadRoutes, { services, config, keyring, presenter, timeouts });
  });
  await app.register(async (api) => {
    await protect(api, { perMinute: config.rateLimit, keyring, config });
    await api.register(fileRoutes, { services, presenter, keyring, slices });
    await api.register(editRoutes, { services, presenter, timeouts });
    await api.register(coverRoutes, { services, presenter, keyring, timeouts });
    await api.register(sideFileRoutes, { library: services.library, files: sideFiles });
    await api.register(linkRoutes, { services, presenter, timeouts });
    await api.register(eventRoutes, { services, presenter, keyring, timeouts, slices });
  });
  await app.register(streams.routes);
  await app.register(pageRoutes, { services });
  await app.register(docsRoutes);

  registerMethodNotAllowed();
  return app;
}
