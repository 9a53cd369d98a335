/** Init and media segments. What is hot is answered at once; what is not encoded yet is held until it is. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import { parseSegmentName, type SegmentId } from '../media/segment-name.ts';
import { timelineOf } from '../media/timeline.ts';
import type { Services } from '../services.ts';
import type { Track } from '../tracks/track.ts';
import { IMMUTABLE, type Representation, representationOf, sendRepresentation } from './caching.ts';
import type { CrossOrigin } from './cross-origin.ts';
import { type TrackParams, trackOf } from './track-param.ts';

/** Mime tables know `.m4s` as video; players want to hear that it is audio. */
const SEGMENT_TYPE = 'audio/mp4';

export function segmentRoutes(
  app: FastifyInstance,
  { services, config, origins }: { services: Services; config: Config; origins: CrossOrigin },
): void {
  const { library, storage, encoder, mender, started } = services;
  /** Lives as long as the bytes do: in the cache, or in an answer. */
  const representations = new WeakMap<Buffer, Representation>();

  const representing = (bytes: Buffer): Representation => {
    let made = representations.get(bytes);
    if (!made) {
      made = representationOf(bytes, { type: SEGMENT_TYPE, cacheControl: IMMUTABLE, more: origins.always });
      representations.set(bytes, made);
    }
    return made;
  };

  app.get<{ Params: TrackParams & { segmentName: string } }>(
    '/stream/:filename/segment/:segmentName',
    (request, reply) => {
      const { filename, segmentName } = request.params;
      const send = (bytes: Buffer) =>
        sendRepresentation(request, reply, representing(bytes), origins.of(request));
      // What is hot is sent at once, without a promise in between. Only what was published under its own name is there:
      // no other check is needed.
      const hot = storage.hotSegment(filename, segmentName);
      if (!hot) return find(request.params, reply).then(send);
      send(hot);
      return undefined;
    },
  );

  /** @throws {AppError} 404 when there is no such segment; 503 as `hold`. */
  async function find(params: TrackParams & { segmentName: string }, reply: FastifyReply): Promise<Buffer> {
    const { segmentName } = params;
    const track = await trackOf(params, library);
    const segment = segmentOf(track, segmentName);
    if (!segment) throw errors.segmentNotFound(track.filename, segmentName);
    if (track.status === 'processing') {
      await started;
      await hold(track, segmentName, segment, reply);
    }
    return (
      (await storage.readSegment(track.filename, segmentName)) ??
      (await mended(track, segmentName, segment, reply))
    );
  }

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
      const bytes = await storage.readSegment(track.filename, segmentName);
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
