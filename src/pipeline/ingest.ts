/** From bytes on the wire to a track: receive, probe, name, record. */
import { setMaxListeners } from 'node:events';
import type { Logger } from 'pino';
import { createKeyedMutex } from '../concurrency/keyed-mutex.ts';
import { createCopySource } from '../encoding/copy-source.ts';
import type { Encoder } from '../encoding/encoder.ts';
import { segmentRoom } from '../encoding/segment-room.ts';
import type { SelfTest } from '../encoding/self-test.ts';
import { AppError, errors, hasCode, UnreadableMediaError } from '../errors.ts';
import type { Tools } from '../ffmpeg/launcher.ts';
import type { Governor } from '../governor/governor.ts';
import type { Library } from '../library/library.ts';
import { type LadderEntry, ladderFor, renditionsOf } from '../presentation/ladder.ts';
import { framesPerSegment } from '../presentation/timeline.ts';
import { type Probed, probe } from '../source/probe.ts';
import type { ReceivedUpload, Storage } from '../storage/storage.ts';
import { safeFilename } from '../tracks/filename.ts';
import { TRACK_VERSION, type Track } from '../tracks/track.ts';
import type { TrackEvents } from '../tracks/track-events.ts';
import { retryTrack } from './retry.ts';
import { reserveUploadRoom, type UploadRoom } from './upload-room.ts';

/** Who sent an upload. */
export interface Client {
  /** Whom budgets are shared out by: the name of an API key, or the client's address. */
  holder: string;
  /** Aborted when the client has left: what it sent is not examined any longer. */
  signal: AbortSignal;
}

export interface Ingest {
  /**
   * Asked before the body is read. Waits until the server has wholly started.
   *
   * @throws {AppError} 503 when no more can be taken on.
   */
  assertReady(): Promise<void>;
  /**
   * Promises room on the disk to an upload; to be released when it is received, or will not be.
   *
   * @param declaredBytes what the client is about to send, 0 where it does not tell.
   * @throws {AppError} 507 when it would leave too little room.
   */
  reserveRoom(declaredBytes: number): Promise<UploadRoom>;
  /**
   * Streams an upload into storage. Nothing of it is left when it throws: 400 for an empty file, 507 when the disk is
   * full, or what the stream itself failed with.
   */
  receive(stream: AsyncIterable<Buffer>, originalName: string, room: UploadRoom): Promise<ReceivedUpload>;
  /**
   * Makes a track of a received upload and starts processing it. The same bytes again give the track that exists,
   * and a failed one another try.
   *
   * @throws {AppError} 415 when it is not audio, 507 when there is no room for its segments, 499 when the client leaves before it is known to be; nothing is kept then.
   */
  add(
    received: ReceivedUpload,
    originalName: string,
    client: Client,
  ): Promise<{ track: Track; created: boolean }>;
  discard(received: ReceivedUpload): Promise<void>;
  /** Lets what is under way end. */
  close(): Promise<void>;
}

export interface IngestOptions {
  /** Names and contents that are taken are known, and what a crash has left is swept. */
  started: Promise<void>;
  library: Library;
  storage: Storage;
  encoder: Encoder;
  trackEvents: TrackEvents;
  tools: Promise<Tools>;
  selfTest: SelfTest;
  governor: Governor;
  log: Logger;
  ladder: readonly LadderEntry[];
  segmentSeconds: number;
  maxDurationSeconds: number;
  maxWaiting: number;
}

export function createIngest(options: IngestOptions): Ingest {
  const { library, storage, encoder, trackEvents, tools, selfTest, governor, log } = options;
  const copySource = createCopySource(options);
  const closing = new AbortController();
  // Each file that is probed listens to it.
  setMaxListeners(0, closing.signal);
  /** Uploads of the same bytes go one after the other: the second finds what the first has made. */
  const adding = createKeyedMutex();

  const existing = async (received: ReceivedUpload): Promise<Track | undefined> => {
    const track = await library.findBySha256(received.sha256);
    if (!track) return undefined;
    await storage.removeUpload(received.upload);
    if (track.status !== 'failed') return track;
    return retryTrack(track.filename, { library, encoder, trackEvents }).catch(async (error: unknown) => {
      // Somebody else has retried it in the same moment.
      const now = await library.get(track.filename);
      if (now && now.status !== 'failed') return now;
      throw error;
    });
  };

  /** Examines an upload when it is its client's turn, and as long as the client is there. */
  const examine = async (received: ReceivedUpload, client: Client): Promise<Probed> => {
    const signal = AbortSignal.any([closing.signal, client.signal]);
    const lease = await governor.probes.take(client.holder, { signal });
    try {
      return await probe({
        executables: await tools,
        input: await storage.uploadPath(received.upload),
        bytes: received.bytes,
        signal,
        maxDurationSeconds: options.maxDurationSeconds,
        segmentSeconds: options.segmentSeconds,
        makeCopy: (decoding, copy) => copySource(received, decoding, copy),
      });
    } finally {
      lease.release();
    }
  };

  const create = async (received: ReceivedUpload, originalName: string, client: Client): Promise<Track> => {
    const probed = await examine(received, client).catch(async (error: unknown) => {
      // Blame the file only if ffmpeg and ffprobe work.
      const trouble = error instanceof UnreadableMediaError ? await selfTest.fault() : null;
      throw trouble === null ? error : errors.probeUnavailable(new Error(trouble, { cause: error }));
    });
    const draft = await describe(received, originalName, probed);
    const room = await governor.disk.reserve(segmentRoom(draft));
    try {
      const track = await library.add(safeFilename(originalName), draft);
      // From here on the encoder counts what the track will still take.
      encoder.start(track, client.holder);
      trackEvents.changed(track.filename);
      log.info({ filename: track.filename, source: track.source, samples: track.samples }, 'track added');
      return track;
    } finally {
      room.release();
    }
  };

  const describe = async (received: ReceivedUpload, originalName: string, probed: Probed) => {
    const { version } = await tools;
    const { sampleRate, channels, samples, isEndKnown, streamIndex, declaredSeconds, copy } = probed;
    const seconds = samples / sampleRate;
    const { sha256, bytes, upload } = received;
    const segmentFrames = framesPerSegment(options.segmentSeconds, sampleRate);
    const shape = { uploadId: upload, sha256, sampleRate, channels, segmentFrames, ffmpegVersion: version };
    // A file that does not tell its bit rate has no more than all of its bytes make.
    const bitRate = probed.source.bitRate ?? (8 * bytes) / seconds;
    const rungs = ladderFor(options.ladder, { codec: probed.source.codec, bitRate }, shape);
    return {
      version: TRACK_VERSION,
      originalName,
      status: 'processing' as const,
      error: null,
      source: { ...probed.source, bytes, sha256 },
      streamIndex,
      upload,
      uploadId: upload,
      sampleRate,
      channels,
      samples,
      isEndKnown,
      segmentFrames,
      truncated: declaredSeconds !== null && declaredSeconds > seconds ? { declaredSeconds, seconds } : null,
      declaredSeconds,
      hasSeekableCopy: copy !== null,
      copy,
      renditions: renditionsOf(rungs, shape),
      storedBytes: bytes,
    } as const;
  };

  const add = async (received: ReceivedUpload, originalName: string, client: Client) => {
    try {
      const found = await existing(received);
      if (found) return { track: found, created: false };
      const track = await create(received, originalName, client);
      return { track, created: true };
    } catch (error) {
      await storage.removeUpload(received.upload);
      if (closing.signal.aborted) throw errors.shuttingDown();
      throw toAppError(error);
    }
  };

  return {
    async assertReady() {
      await options.started;
      if (closing.signal.aborted) throw errors.shuttingDown();
      if (encoder.waiting >= options.maxWaiting) throw errors.tooBusy(encoder.waiting);
    },
    reserveRoom: (declaredBytes) => reserveUploadRoom(governor.disk, declaredBytes),
    async receive(stream, originalName, room) {
      try {
        const received = await storage.receive(whileThereIsRoom(stream, room));
        if (received.bytes > 0) return received;
        await storage.removeUpload(received.upload);
      } catch (error) {
        throw toAppError(error);
      }
      throw errors.emptyFile(originalName);
    },
    add: (received, originalName, client) =>
      adding.run(received.sha256, () => add(received, originalName, client)),
    discard: (received) => storage.removeUpload(received.upload),
    async close() {
      closing.abort(errors.shuttingDown());
      await adding.idle();
    },
  };
}

/** Each chunk is written when the next one is asked for. */
async function* whileThereIsRoom(stream: AsyncIterable<Buffer>, room: UploadRoom): AsyncGenerator<Buffer> {
  for await (const chunk of stream) {
    await room.makeSure(chunk.length);
    yield chunk;
    room.wrote(chunk.length);
  }
}

function toAppError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  if (hasCode(error, 'ENOSPC', 'EDQUOT')) return errors.storageFull(error);
  const isDisk = hasCode(error, 'EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOENT', 'ENOTDIR', 'EMFILE', 'ENFILE');
  if (isDisk) return errors.storageUnavailable(error);
  return error;
}
