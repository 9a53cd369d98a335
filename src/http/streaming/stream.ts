/**
 * Serves manifests and segments to players: `/stream`, and `/signed` for links. By far most requests are for these. Cached
 * streams are served before Fastify's router: without routing, hooks, plugins or log lines, whose costs are in
 * `caching.ts`.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';
import type { Services } from '../../services.ts';
import type { SignedLinks } from '../access/signed-links.ts';
import { findTrack, TrackParams, trackOf } from '../track-param.ts';
import { IMMUTABLE, type Representation, sendRepresentation } from './caching.ts';
import { crossOrigin, registerCrossOrigin } from './cross-origin.ts';
import { createManifests, MANIFEST, MASTER_PLAYLIST, mediaPlaylist } from './manifests.ts';
import { createRedirects, type Redirect, sendRedirect } from './redirects.ts';
import * as schemas from './schemas.ts';
import { createSegments } from './segments.ts';
import { EMBEDDABLE, findSideFile, type SideFile, schemaOf } from './side-files.ts';

export interface Streams {
  /** Serves a request from memory. Returns false if the stream is not cached: the routes then find it. */
  serveCached(request: IncomingMessage, response: ServerResponse): boolean;
  routes(app: FastifyInstance): Promise<void>;
}

/**
 * Matches addresses whose names need no decoding; the routes answer all others. A query is ignored: players add `?CMCD=`
 * (CTA-5004), and through the routes such a request took 1.5 times as long.
 */
const PLAIN_ADDRESS = /^\/(?:stream|signed\/([^/?%]+))\/([^/?%]+)\/(segment\/)?([^/?%]+)(?:\?|$)/;

const Signature = z.string().meta({ description: 'Expiry of the link, signed by the server' });
/** The address spaces of streams, with their parameters. */
const PLACES = [
  { prefix: '/stream/:filename', params: TrackParams, id: '' },
  {
    prefix: '/signed/:signature/:filename',
    params: TrackParams.extend({ signature: Signature }),
    id: 'Signed',
  },
];

type Params = TrackParams & { signature?: string; rendition: string; segmentName: string };

type Find = (
  params: Params,
  request: IncomingMessage,
  reply: FastifyReply,
) => Promise<Representation | Redirect>;

/** Creates the streams of all tracks, with their caches of manifests and segments. @param sideFiles served beside them. */
export function createStreams(
  services: Services,
  config: Config,
  { links, sideFiles }: { links: SignedLinks; sideFiles: readonly SideFile[] },
): Streams {
  const origins = crossOrigin(config.corsOrigin);
  const segments = createSegments(services, config, origins);
  const redirects = createRedirects(services);
  const manifests = createManifests(services, origins);
  const besideStreams = { immutable: IMMUTABLE, more: [...origins.always, ...EMBEDDABLE] };

  const cachedAt = (request: IncomingMessage): Representation | Redirect | undefined => {
    const [, signature, filename, isSegment, name] = PLAIN_ADDRESS.exec(request.url ?? '') ?? [];
    if (filename === undefined || name === undefined) return undefined;
    if (links.areSigned && !links.admits(signature, services.library.peek(filename))) return undefined;
    if (!isSegment) return manifests.cached(filename, name, request);
    return redirects.cached(filename, name, request) ?? segments.cached(filename, name);
  };

  const send = (
    request: IncomingMessage,
    response: ServerResponse,
    found: Representation | Redirect,
  ): void => {
    if ('location' in found) sendRedirect(request, response, found, origins);
    else sendRepresentation(request, response, found, origins.of(request));
  };

  /**
   * Makes a route handler that checks the link, finds a representation and sends it.
   *
   * @throws {AppError} 403 for an invalid or expired link, before anything else is read.
   */
  const finding =
    (find: Find) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
      const params = request.params as Params;
      if (links.areSigned && !links.admits(params.signature, await findTrack(params, services.library))) {
        throw errors.linkInvalid();
      }
      const found = await find(params, request.raw, reply);
      reply.hijack();
      send(request.raw, reply.raw, found);
    };

  return {
    serveCached(request, response) {
      if (request.method !== 'GET' && request.method !== 'HEAD') return false;
      const cached = cachedAt(request);
      if (cached) send(request, response, cached);
      return cached !== undefined;
    },
    async routes(app) {
      app.setChildLoggerFactory((logger) => logger);
      registerCrossOrigin(app, origins);
      for (const place of PLACES) {
        const { prefix } = place;
        app.get(
          `${prefix}/manifest`,
          { schema: schemas.manifest(place) },
          finding((params, request) => manifests.find(params, MANIFEST, request)),
        );
        app.get(
          `${prefix}/master.m3u8`,
          { schema: schemas.masterPlaylist(place) },
          finding((params, request) => manifests.find(params, MASTER_PLAYLIST, request)),
        );
        app.get(
          `${prefix}/:rendition.m3u8`,
          { schema: schemas.mediaPlaylist(place) },
          finding((params, request) => manifests.find(params, mediaPlaylist(params.rendition), request)),
        );
        app.get(
          `${prefix}/segment/:segmentName`,
          { schema: schemas.segment(place) },
          finding(
            async (params, request, reply) =>
              (await redirects.find(params, request)) ?? segments.find(params, reply),
          ),
        );
        for (const file of sideFiles) {
          app.get(
            `${prefix}/${file.name}`,
            { schema: schemaOf(file, place) },
            finding(async (params, _request, reply) => {
              const track = await trackOf(params, services.library);
              return findSideFile({ file, track, place: besideStreams }, reply.request);
            }),
          );
        }
      }
    },
  };
}
