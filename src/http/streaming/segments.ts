/** Init and media segments: sent from memory or disk, held while they are not encoded yet, repaired where they are cut. */
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

/** Mime tables know `.m4s` as video; players want to hear that it is audio. */
const SEGMENT_TYPE = 'audio/mp4';
/** How often one request looks for its segment, on a disk that cuts the segment again after each repair. */
const MAX_ATTEMPTS = 3;

export type SegmentParams = TrackParams & { segmentName: string };

export interface Segments {
  /** Only what was published under its own name is in memory: no other check is needed. */
  cached(filename: string, segmentName: string): Representation | undefined;
  /**
   * @param reply whose client is waited for.
   * @throws {AppError} 404 when there is no such segment; 503 when it is not encoded in time, or too many requests are held.
   */
  find(params: SegmentParams, reply: FastifyReply): Promise<Representation>;
}

/** A request that is held. */
interface Held {
  track: Track;
  segmentName: string;
  segment: SegmentId;
  /** Among whom the encoder's turns are shared out. */
  holder: string;
  /** Aborted with the error to answer: after `SEGMENT_WAIT_SECONDS`, or when the client has left. */
  signal: AbortSignal;
}

export function createSegments(services: Services, config: Config, origins: CrossOrigin): Segments {
  const { library, storage, encoder, segmentRepair, started, governor } = services;
  /** Lives as long as the bytes do: in the cache, or in an answer. */
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
      const bytes = storage.cachedSegment(filename, segmentName);
      return bytes && published(bytes);
    },
    async find(params, reply) {
      const { segmentName } = params;
      const track = await trackOf(params, library);
      const segment = segmentOf(track, segmentName);
      if (!segment) throw errors.segmentNotFound(track.filename, segmentName);
      const bytes = await storage.readSegment(track.filename, segmentName);
      if (bytes) return published(bytes);
      if (track.status === 'failed') throw errors.segmentNotFound(track.filename, segmentName);
      return whileHeld({ track, segmentName, segment }, reply);
    },
  };

  /**
   * Holds a request, as long as its client is there and `SEGMENT_WAIT_SECONDS` last.
   *
   * @throws {AppError} 404 when the segment will never be, 503 when it takes too long: for some players that is the end.
   */
  async function whileHeld(
    request: Pick<Held, 'track' | 'segmentName' | 'segment'>,
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

  /** Waits until a segment is encoded; has it repaired where it should be there and is not. */
  async function onceStored(held: Held): Promise<Representation> {
    const { track, segmentName, segment, signal } = held;
    const { filename } = track;
    await unlessAborted(started, signal);
    let isComing = track.status === 'processing' || (await isRepaired(held));
    for (let attempt = 0; isComing && attempt < MAX_ATTEMPTS; attempt++) {
      const outcome = await encoder.whenStored(filename, segment, held);
      if (outcome === 'stopped') throw errors.shuttingDown();
      if (outcome === 'gone') throw errors.segmentNotFound(filename, segmentName);
      const found = await storedNow(held);
      if (found) return found;
      isComing = await isRepaired(held);
    }
    throw isComing ? errors.segmentNotYet(segmentName) : errors.segmentNotFound(filename, segmentName);
  }

  /**
   * Another key than the one that was asked for means other bytes than this address may have had: they answer the request
   * that waited for them, and are not kept by anyone.
   */
  async function storedNow(held: Held): Promise<Representation | undefined> {
    const name = await currentName(held);
    const bytes = name && (await storage.readSegment(held.track.filename, name));
    if (!bytes) return undefined;
    return name === held.segmentName ? published(bytes) : representing(bytes, REVALIDATE);
  }

  async function isRepaired(held: Held): Promise<boolean> {
    const name = await currentName(held);
    if (name === undefined) return false;
    return unlessAborted(segmentRepair.repair(held.track.filename, name), held.signal);
  }

  /** What the segment is called now: when a rendition starts anew its segments get a new key. */
  async function currentName({ track, segment }: Held): Promise<string | undefined> {
    const now = await library.get(track.filename);
    const rendition = now?.renditions.find(({ id }) => id === segment.renditionId);
    return rendition && segmentNameOf(rendition, segment.index);
  }
}

/** What a name stands for in the track's timeline; only such names get anywhere near the disk. */
function segmentOf(track: Track, segmentName: string): SegmentId | undefined {
  const id = parseSegmentName(segmentName);
  const isOurs = track.renditions.some(
    ({ id: name, key }) => name === id?.renditionId && key === id.encodeHash,
  );
  if (!id || !isOurs) return undefined;
  return id.index === 'init' || id.index < timelineOf(track).segmentCount ? id : undefined;
}
