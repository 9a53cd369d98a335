/** `/stream`: manifests and segments, for players. */
import cors from '@fastify/cors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import { renderMasterPlaylist, renderMediaPlaylist } from '../media/hls.ts';
import { renderMpd } from '../media/mpd.ts';
import { parseSegmentName, type SegmentId } from '../media/segment-name.ts';
import { timelineOf } from '../media/timeline.ts';
import type { Services } from '../services.ts';
import type { Track } from '../tracks/track.ts';
import { etagOf, IMMUTABLE, REVALIDATE, sendRepresentation } from './caching.ts';
import { type TrackParams, trackOf } from './track-param.ts';
import { isPlayable } from './track-view.ts';

const MANIFEST_TYPE = 'application/dash+xml';
/** RFC 8216 section 10 */
const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
/** From manifests and playlists to segments; relative, so that they work behind any prefix. */
const SEGMENT_BASE = 'segment/';
/** Mime tables know `.m4s` as video; players want to hear that it is audio. */
const SEGMENT_TYPE = 'audio/mp4';

export async function streamRoutes(
  app: FastifyInstance,
  { services, config }: { services: Services; config: Config },
): Promise<void> {
  const { library, encoder, mender } = services;
  await app.register(cors, {
    origin: config.corsOrigin,
    methods: ['GET', 'HEAD'],
    exposedHeaders: ['Content-Length', 'Content-Range', 'ETag', 'Date', 'Retry-After'],
    maxAge: 86_400,
  });

  /** @throws {AppError} 404 when there is no such track, or nothing of it can be played yet. */
  const playableTrack = async (params: TrackParams): Promise<Track> => {
    const track = await trackOf(params, library);
    if (!isPlayable(track, encoder.live(track.filename))) throw errors.manifestNotReady(track.filename);
    return track;
  };
  const sendText = (request: FastifyRequest, reply: FastifyReply, text: string, type: string) => {
    const bytes = Buffer.from(text);
    return sendRepresentation(request, reply, { bytes, type, cacheControl: REVALIDATE, etag: etagOf(bytes) });
  };

  app.get<{ Params: TrackParams }>('/stream/:filename/manifest', async (request, reply) => {
    const track = await playableTrack(request.params);
    return sendText(request, reply, renderMpd(track, SEGMENT_BASE), MANIFEST_TYPE);
  });

  app.get<{ Params: TrackParams }>('/stream/:filename/master.m3u8', async (request, reply) => {
    const track = await playableTrack(request.params);
    return sendText(request, reply, renderMasterPlaylist(track), PLAYLIST_TYPE);
  });

  app.get<{ Params: TrackParams & { rendition: string } }>(
    '/stream/:filename/:rendition.m3u8',
    async (request, reply) => {
      const track = await playableTrack(request.params);
      const rendition = track.renditions.find(({ id }) => id === request.params.rendition);
      if (!rendition) throw errors.renditionNotFound(track.filename, request.params.rendition);
      return sendText(request, reply, renderMediaPlaylist(track, rendition, SEGMENT_BASE), PLAYLIST_TYPE);
    },
  );

  app.get<{ Params: TrackParams & { segmentName: string } }>(
    '/stream/:filename/segment/:segmentName',
    async (request, reply) => {
      const { segmentName } = request.params;
      const track = await trackOf(request.params, library);
      const segment = segmentOf(track, segmentName);
      if (!segment) throw errors.segmentNotFound(track.filename, segmentName);
      if (track.status === 'processing') await hold(track, segmentName, segment, reply);
      const bytes =
        (await mender.readWhole(track, segmentName)) ?? (await mended(track, segmentName, segment, reply));
      return sendRepresentation(request, reply, {
        bytes,
        type: SEGMENT_TYPE,
        cacheControl: IMMUTABLE,
        etag: etagOf(bytes),
      });
    },
  );

  /**
   * A segment that should be there and is not, once it is encoded anew.
   *
   * @throws {AppError} 404 when it cannot be, or the track has not come so far; 503 as `hold`.
   */
  async function mended(
    track: Track,
    segmentName: string,
    segment: SegmentId,
    reply: FastifyReply,
  ): Promise<Buffer> {
    const isExpected = track.status !== 'failed' && (await library.get(track.filename)) !== undefined;
    if (isExpected && (await mender.mend(track, segmentName))) {
      await hold(track, segmentName, segment, reply);
      const bytes = await mender.readWhole(track, segmentName);
      if (bytes) return bytes;
    }
    throw errors.segmentNotFound(track.filename, segmentName);
  }

  /**
   * Holds a request for a segment that is not encoded yet, as long as the client is there.
   *
   * @throws {AppError} 404 when it will never be, 503 when it takes too long: for some players that is the end.
   */
  async function hold(
    track: Track,
    segmentName: string,
    segment: SegmentId,
    reply: FastifyReply,
  ): Promise<void> {
    const stopWaiting = new AbortController();
    const onClose = () => stopWaiting.abort(errors.clientClosed());
    const timeout = setTimeout(
      () => stopWaiting.abort(errors.segmentNotYet(segmentName)),
      config.segmentWaitSeconds * 1000,
    );
    reply.raw.once('close', onClose);
    try {
      const outcome = await encoder.whenStored(track.filename, segment, stopWaiting.signal);
      if (outcome === 'stopped') throw errors.shuttingDown();
      if (outcome === 'gone') throw errors.segmentNotFound(track.filename, segmentName);
    } finally {
      clearTimeout(timeout);
      reply.raw.off('close', onClose);
    }
  }
}

/** What a name stands for in the track's timeline; only such names get anywhere near the disk. */
function segmentOf(track: Track, segmentName: string): SegmentId | undefined {
  const id = parseSegmentName(segmentName);
  const isOurs = track.renditions.some(({ id: name, key }) => name === id?.renditionId && key === id.key);
  if (!id || !isOurs) return undefined;
  return id.index === 'init' || id.index < timelineOf(track).segmentCount ? id : undefined;
}
