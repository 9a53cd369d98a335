/** Finds init and media segments: in memory or on disk, after waiting for their encode, or after a repair. */
import type { FastifyReply } from 'fastify';
import { unlessAborted } from '../../concurrency/deferred.ts';
import type { Config } from '../../config/config.ts';
import { errors } from '../../errors.ts';
import { parseSegmentName, type SegmentId, segmentNameOf } from '../../presentation/segment-name.ts';
import { timelineOf } from '../../presentation/timeline.ts';
import type { Services } from '../../services.ts';
import type { Track } from '../../tracks/track.ts';
import { addressBlock } from '../access/client.ts';
import { type TrackParams, trackOf } from '../track-param.ts';
import { IMMUTABLE, REVALIDATE, type Representation, representationOf } from './caching.ts';
import type { CrossOrigin } from './cross-origin.ts';

/** Media type of segments. Type tables map `.m4s` to video, but players expect audio. */
const SEGMENT_TYPE = 'audio/mp4';
/** Attempts of one request to read its segment, in case the disk cuts the segment again after each repair. */
const MAX_ATTEMPTS = 3;

export type SegmentParams = TrackParams & { segmentName: string };

/** Finds segments for requests. */
export interface Segments {
  /**
   * Returns a cached segment. Needs no other check, for only segments that were published under their own name are cached.
   */
  cached(filename: string, segmentName: string): Representation | undefined;
  /**
   * Resolves with a segment, waiting for its encode if necessary.
   *
   * @param reply ends the wait when its connection closes.
   * @throws {AppError} 404 when there is no such segment; 503 when it is not encoded in time, or too many requests wait.
   */
  find(params: SegmentParams, reply: FastifyReply): Promise<Representation>;
}

/** A request that waits for its segment. */
interface WaitingRequest {
  track: Track;
  segmentName: string;
  segment: SegmentId;
  /** Holder of the request: the encoder takes turns among holders. */
  holder: string;
  /** Aborts with the error to send: after `SEGMENT_WAIT_SECONDS`, or when the client is gone. */
  signal: AbortSignal;
}

export function createSegments(services: Services, config: Config, origins: CrossOrigin): Segments {
  const { library, storage, encoder, segmentRepair, started, governor } = services;
  /** Representations by their bytes; an entry lives as long as the bytes are cached or being sent. */
  const representations = new WeakMap<Buffer, Representation>();

  const representing = (bytes: Buffer, cacheControl = IMMUTABLE): Representation =>
    representationOf(bytes, { type: SEGMENT_TYPE, cacheControl, more: origins.always });

  const published = (bytes: Buffer): Representation => {
    let made = representations.get(bytes);
    if (!made) {
      made = representing(bytes);
      representations.set(bytes, made);
    }
    return made;
  };

  return {
    cached(filename, segmentName) {
      const track = library.peek(filename);
      const bytes = track && storage.cachedSegment(track.home, segmentName);
      return bytes && published(bytes);
    },
    async find(params, reply) {
      const { segmentName } = params;
      const track = await trackOf(params, library);
      const segment = segmentOf(track, segmentName);
      if (!segment) throw errors.segmentNotFound(track.filename, segmentName);
      const bytes = await storage.readSegment(track.home, segmentName);
      if (bytes) return published(bytes);
      if (track.status === 'failed') throw errors.segmentNotFound(track.filename, segmentName);
      return waitForSegment({ track, segmentName, segment }, reply);
    },
  };

  /**
   * Waits for a segment while the client is connected, at most `SEGMENT_WAIT_SECONDS`.
   *
   * @throws {AppError} 404 when the segment will never exist; 503 when it takes too long, which ends playback in some players.
   */
  async function waitForSegment(
    request: Pick<WaitingRequest, 'track' | 'segmentName' | 'segment'>,
    reply: FastifyReply,
  ): Promise<Representation> {
    const holder = addressBlock(reply.request.ip);
    const lease = governor.segmentWaiters.tryTake(holder);
    if (!lease) throw errors.segmentNotYet(request.segmentName);
    const stopWaiting = new AbortController();
    const onClose = () => stopWaiting.abort(errors.clientClosed());
    const timeout = setTimeout(
      () => stopWaiting.abort(errors.segmentNotYet(request.segmentName)),
      config.segmentWaitSeconds * 1000,
    );
    reply.raw.once('close', onClose);
    try {
      return await onceStored({ ...request, holder, signal: stopWaiting.signal });
    } finally {
      clearTimeout(timeout);
      reply.raw.off('close', onClose);
      lease.release();
    }
  }

  /** Waits until a segment is stored. Repairs one that is missing or cut although its track is ready. */
  async function onceStored(waiting: WaitingRequest): Promise<Representation> {
    const { track, segmentName, segment, signal } = waiting;
    const { filename } = track;
    await unlessAborted(started, signal);
    let isComing = track.status === 'processing' || (await isRepaired(waiting));
    for (let attempt = 0; isComing && attempt < MAX_ATTEMPTS; attempt++) {
      const outcome = await encoder.whenStored(filename, segment, waiting);
      if (outcome === 'stopped') throw errors.shuttingDown();
      if (outcome === 'gone') throw errors.segmentNotFound(filename, segmentName);
      const found = await storedNow(waiting);
      if (found) return found;
      isComing = await isRepaired(waiting);
    }
    throw isComing ? errors.segmentNotYet(segmentName) : errors.segmentNotFound(filename, segmentName);
  }

  /**
   * Resolves with the segment under its current name. If the encode hash has changed since the request, caches must not
   * keep the bytes, for other bytes may have been served at this address before.
   */
  async function storedNow(waiting: WaitingRequest): Promise<Representation | undefined> {
    const name = await currentName(waiting);
    const bytes = name && (await storage.readSegment(waiting.track.home, name));
    if (!bytes) return undefined;
    return name === waiting.segmentName ? published(bytes) : representing(bytes, REVALIDATE);
  }

  /** Repairs the segment, and resolves with whether that will bring it back. */
  async function isRepaired(waiting: WaitingRequest): Promise<boolean> {
    const name = await currentName(waiting);
    if (name === undefined) return false;
    return unlessAborted(segmentRepair.repair(waiting.track.filename, name), waiting.signal);
  }

  /** Resolves with the current name of the segment: a rendition that starts anew gets a new encode hash. */
  async function currentName({ track, segment }: WaitingRequest): Promise<string | undefined> {
    const now = await library.get(track.filename);
    const rendition = now?.renditions.find(({ id }) => id === segment.renditionId);
    return rendition && segmentNameOf(rendition, segment.index);
  }
}

/** Returns the place of a name in the timeline of a track, or undefined. Only names with a place reach the disk. */
export function segmentOf(track: Track, segmentName: string): SegmentId | undefined {
  const id = parseSegmentName(segmentName);
  const isOurs = track.renditions.some(
    ({ id: name, key }) => name === id?.renditionId && key === id.encodeHash,
  );
  if (!id || !isOurs) return undefined;
  return id.index === 'init' || id.index < timelineOf(track).segmentCount ? id : undefined;
}
