/**
 * `/stream`: manifests and segments, for players. By far most requests are for these, and what is hot is answered before
 * the framework sees them: no routing, hook, plugin or line in the log. What each of those costs is told in `caching.ts`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import type { Services } from '../services.ts';
import { type Representation, sendRepresentation } from './caching.ts';
import { crossOrigin, registerCrossOrigin } from './cross-origin.ts';
import { createManifests, MANIFEST, MASTER_PLAYLIST, mediaPlaylist, type Text } from './manifests.ts';
import { createSegments, type SegmentParams } from './segments.ts';
import type { TrackParams } from './track-param.ts';

export interface Streams {
  /** Answers what is in memory. @returns whether it was; if not, the routes find it. */
  answerHot(request: IncomingMessage, response: ServerResponse): boolean;
  routes(app: FastifyInstance): Promise<void>;
}

/** Names that need no decoding; others go by the routes. */
const PLAIN_ADDRESS = /^\/stream\/([^/?%]+)\/(segment\/)?([^/?%]+)$/;

export function createStreams(services: Services, config: Config): Streams {
  const origins = crossOrigin(config.corsOrigin);
  const segments = createSegments(services, config, origins);
  const manifests = createManifests(services, origins);

  const hotAt = (request: IncomingMessage): Representation | undefined => {
    const [, filename, isSegment, name] = PLAIN_ADDRESS.exec(request.url ?? '') ?? [];
    if (filename === undefined || name === undefined) return undefined;
    return isSegment ? segments.hot(filename, name) : manifests.hot(filename, name, request);
  };

  const send = (request: FastifyRequest, reply: FastifyReply, found: Representation) => {
    reply.hijack();
    sendRepresentation(request.raw, reply.raw, found, origins.of(request));
  };
  const sendText = async (
    request: FastifyRequest<{ Params: TrackParams }>,
    reply: FastifyReply,
    text: Text,
  ): Promise<void> => send(request, reply, await manifests.find(request.params, text, request.raw));

  return {
    answerHot(request, response) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      const hot = hotAt(request);
      if (hot) sendRepresentation(request, response, hot, origins.of(request));
      return hot !== undefined;
    },
    async routes(app) {
      app.setChildLoggerFactory((logger) => logger);
      registerCrossOrigin(app, origins);
      app.get<{ Params: TrackParams }>('/stream/:filename/manifest', async (request, reply) =>
        sendText(request, reply, MANIFEST),
      );
      app.get<{ Params: TrackParams }>('/stream/:filename/master.m3u8', async (request, reply) =>
        sendText(request, reply, MASTER_PLAYLIST),
      );
      app.get<{ Params: TrackParams & { rendition: string } }>(
        '/stream/:filename/:rendition.m3u8',
        async (request, reply) => sendText(request, reply, mediaPlaylist(request.params.rendition)),
      );
      app.get<{ Params: SegmentParams }>('/stream/:filename/segment/:segmentName', async (request, reply) =>
        send(request, reply, await segments.find(request.params, reply)),
      );
    },
  };
}
