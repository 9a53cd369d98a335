/** Makes tracks of uploads: receive, examine, record. */
import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import type { EarlyEncode } from '../early/early-encode.ts';
import type { EarlyEncoder } from '../early/early-encoder.ts';
import type { Encoder } from '../encoding/encoder.ts';
import { segmentRoom } from '../encoding/segment-room.ts';
import { AppError, errors, hasCode, UnknownOutcomeError } from '../errors.ts';
import type { Library } from '../library/library.ts';
import type { LadderEntry } from '../presentation/ladder.ts';
import type { ReceivedUpload, Room } from '../storage/storage.ts';
import { safeFilename } from '../tracks/filename.ts';
import type { Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';
import { describeTrack } from './describe.ts';
import { createExamine, type ExamineOptions } from './examine.ts';
import { receiveInto } from './receive.ts';
import { retryTrack } from './retry.ts';
import { createUnderWay } from './under-way.ts';
import { reserveUploadRoom, type UploadRoom } from './upload-room.ts';

/** The sender of an upload. */
export interface Client {
  /** Shares out budgets: the name of an API key, or the client's address. */
  holder: string;
  /** Aborted when the client has left. Its upload is examined no longer then. */
  signal: AbortSignal;
}

export interface Ingest {
  /**
   * Tells before the body is read whether an upload can be taken on. Waits until the server has wholly started.
   *
   * @throws {AppError} 503 when no more can be taken on.
   */
  assertReady(): Promise<void>;
  /**
   * Reserves room on the disk for an upload, to be released when the upload is received or given up.
   *
   * @param declaredBytes what the client is about to send, 0 where it does not tell.
   * @throws {AppError} 507 when it would leave too little room.
   */
  reserveRoom(declaredBytes: number): Promise<UploadRoom>;
  /**
   * Streams an upload into storage, and begins to encode it meanwhile where that is worth it. Nothing of the upload is left when
   * it throws: 400 for an empty file, 507 when the disk is full, or the error of the stream.
   */
  receive(
    stream: AsyncIterable<Buffer>,
    upload: { originalName: string; room: UploadRoom; holder: string },
  ): Promise<ReceivedUpload>;
  /**
   * Makes a track of a received upload and starts processing it. The same bytes again give the track that exists, and a
   * failed one another try. Nothing of the upload is kept when it throws.
   *
   * @throws {AppError} 415 when it is not audio, 507 when there is no room for its segments, 499 when the client leaves before
   *   the upload is examined.
   */
  add(
    received: ReceivedUpload,
    originalName: string,
    client: Client,
  ): Promise<{ track: Track; created: boolean }>;
  discard(received: ReceivedUpload): Promise<void>;
  /** Takes on no more uploads, and lets those end that are under way. After 3 s they are refused. */
  close(): Promise<void>;
}

export interface IngestOptions extends ExamineOptions {
  /** Resolves when taken names and contents are known, and files that a crash has left are swept. */
  started: Promise<void>;
  library: Library;
  encoder: Encoder;
  trackEvents: TrackEvents;
  earlyEncoder: EarlyEncoder;
  log: Logger;
  ladder: readonly LadderEntry[];
  /** True if new tracks are to be analysed. */
  analyses: boolean;
  maxWaiting: number;
}

/** For uploads that are under way when the server stops. Their connections are cut off after 8 s. */
const CLOSE_MS = 3000;

export function createIngest(options: IngestOptions): Ingest {
  const { library, storage, encoder, earlyEncoder, trackEvents, tools, governor, log } = options;
  const { ladder, segmentSeconds, analyses } = options;
  const examine = createExamine(options);
  let isClosing = false;
  const closing = new AbortController();
  const underWay = createUnderWay();
  // Each file that is examined listens to it.
  setMaxListeners(0, closing.signal);
  /** Uploads of the same bytes go one after the other: the second one is not examined. */
  const adding = createKeyedMutex();
  /** Early encodes of uploads that were received and are not added yet. */
  const early = new Map<string, EarlyEncode>();

  /** Drops an upload of bytes that are here already. A failed track gets another try. */
  const reuse = async (received: ReceivedUpload, track: Track): Promise<Track> => {
    await storage.removeUpload(received.upload);
    if (track.status !== 'failed') return track;
    return retryTrack(track.filename, { library, encoder, trackEvents }).catch(async (error: unknown) => {
      // Another request has retried it in the same moment.
      const now = await library.get(track.filename);
      if (now && now.status !== 'failed') return now;
      throw error;
    });
  };

  /** Reserves room for the segments of a track. Those that are staged take some already, and may have to go for it. */
  const reserveSegments = async (need: Room, earlyEncode: EarlyEncode | undefined) => {
    try {
      return await governor.disk.reserve(need);
    } catch (error) {
      if (!earlyEncode) throw error;
      await earlyEncode.drop();
      return governor.disk.reserve(need);
    }
  };

  const create = async (received: ReceivedUpload, originalName: string, client: Client) => {
    const signal = AbortSignal.any([closing.signal, client.signal]);
    const earlyEncode = early.get(received.upload);
    const proven = () => earlyEncode?.proven();
    const probed = await examine(received, { holder: client.holder, signal, proven });
    const { version: ffmpegVersion } = await tools;
    const draft = describeTrack(
      { received, originalName, probed },
      { ladder, segmentSeconds, ffmpegVersion, analyses },
    );
    const room = await reserveSegments(storage.takesRoom(segmentRoom(draft)), earlyEncode);
    try {
      await received.durable;
      const { track, created } = await library.add(safeFilename(originalName), draft, client);
      if (!created) return { track: await reuse(received, track), created };
      early.delete(received.upload);
      // From here on the encoder counts the room that the track will still take.
      encoder.start(track, {
        holder: client.holder,
        ...(earlyEncode && { before: () => earlyEncode.adopt(track) }),
      });
      trackEvents.changed(track.filename);
      log.info({ filename: track.filename, source: track.source, samples: track.samples }, 'track added');
      return { track, created };
    } finally {
      room.release();
    }
  };

  const add = async (received: ReceivedUpload, originalName: string, client: Client) => {
    try {
      const existing = await library.findBySha256(received.sha256);
      if (existing) return { track: await reuse(received, existing), created: false };
      return await create(received, originalName, client);
    } catch (error) {
      // A track may have the original: the janitor finds out.
      if (!(error instanceof UnknownOutcomeError)) await storage.removeUpload(received.upload);
      if (closing.signal.aborted) throw errors.shuttingDown();
      throw toAppError(error);
    } finally {
      underWay.end(received.upload);
      void dropEarly(received);
    }
  };

  /** Ends the early encode of an upload, unless a track has it. */
  const dropEarly = async ({ upload }: ReceivedUpload) => {
    const encode = early.get(upload);
    early.delete(upload);
    await encode?.drop();
  };

  return {
    async assertReady() {
      await options.started;
      if (isClosing) throw errors.shuttingDown();
      if (encoder.waiting >= options.maxWaiting) throw errors.tooBusy(encoder.waiting);
    },
    reserveRoom: (declaredBytes) => reserveUploadRoom(governor.disk, declaredBytes),
    async receive(stream, { originalName, room, holder }) {
      const arriving = await storage.beginUpload().catch((error: unknown) => {
        throw toAppError(error);
      });
      underWay.begin(arriving.upload);
      const encode = earlyEncoder.begin(arriving, holder);
      try {
        const received = await receiveInto(arriving, watched(stream, { room, encode }));
        if (received.bytes === 0) {
          await storage.removeUpload(received.upload);
          throw errors.emptyFile(originalName);
        }
        encode.whole();
        early.set(received.upload, encode);
        return received;
      } catch (error) {
        underWay.end(arriving.upload);
        // The client does not wait for the end of its processes.
        void encode.drop();
        throw toAppError(error);
      }
    },
    add: (received, originalName, client) =>
      adding.run(received.sha256, () => add(received, originalName, client)),
    async discard(received) {
      underWay.end(received.upload);
      await dropEarly(received);
      await storage.removeUpload(received.upload);
    },
    async close() {
      isClosing = true;
      // Their tracks are encoded after the next start, or by another node.
      await underWay.none(CLOSE_MS);
      closing.abort(errors.shuttingDown());
      await Promise.all([adding.idle(), earlyEncoder.close()]);
    },
  };
}

/** Yields a stream while there is room for it. A chunk is written when the next one is asked for. */
async function* watched(
  stream: AsyncIterable<Buffer>,
  { room, encode }: { room: UploadRoom; encode: EarlyEncode },
): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    await room.makeSure(chunk.length);
    yield chunk;
    room.wrote(chunk.length);
    encode.arrived(chunk.length);
  }
}

function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return errors.storageFull(error);
  const isDisk = hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'ENOTDIR', 'EMFILE', 'ENFILE');
  if (isDisk) return errors.storageUnavailable(error);
  return error;
}
