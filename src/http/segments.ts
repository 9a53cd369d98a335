/** Init and media segments. What is hot is answered at once; what is not encoded yet is held until it is. */
import type { FastifyReply } from 'fastify';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import { parseSegmentName, type SegmentId } from '../media/segment-name.ts';
import { timelineOf } from '../media/timeline.ts';
import type { Services } from '../services.ts';
import type { Track } from '../tracks/track.ts';
import { IMMUTABLE, type Representation, representationOf } from './caching.ts';
import type { CrossOrigin } from './cross-origin.ts';
import { type TrackParams, trackOf } from './track-param.ts';

/** Mime tables know `.m4s` as video; players want to hear that it is audio. */
const SEGMENT_TYPE = 'audio/mp4';

export type SegmentParams = TrackParams & { segmentName: string };

export interface Segments {
  /** Only what was published under its own name is in memory: no other check is needed. */
  hot(filename: string, segmentName: string): Representation | undefined;
  /**
   * @param reply whose client is waited for.
   * @throws {AppError} 404 when there is no such segment, 503 when it is not encoded in time.
   */
  find(params: SegmentParams, reply: FastifyReply): Promise<Representation>;
}

export function createSegments(services: Services, config: Config, origins: CrossOrigin): Segments {
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

  return {
    hot(filename, segmentName) {
      const bytes = storage.hotSegment(filename, segmentName);
      return bytes && representing(bytes);
    },
    async find(params, reply) {
      const { segmentName } = params;
      const track = await trackOf(params, library);
      const segment = segmentOf(track, segmentName);
      if (!segment) throw errors.segmentNotFound(track.filename, segmentName);
      if (track.status === 'processing') {
        await started;
        await hold(track, segmentName, segment, reply);
      }
      const bytes = await storage.readSegment(track.filename, segmentName);
      return representing(bytes ?? (await mended(track, segmentName, segment, reply)));
    },
  };

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
