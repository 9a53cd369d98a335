/** `POST /upload`: streams one file of a multipart form to storage, and answers when the track can be played. */
import multipart from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { Config } from '../../config/config.ts';
import { AppError, errors } from '../../errors.ts';
import type { Client } from '../../pipeline/ingest.ts';
import type { UploadRoom } from '../../pipeline/upload-room.ts';
import type { Services } from '../../services.ts';
import type { ReceivedUpload } from '../../storage/storage.ts';
import type { Track } from '../../tracks/track.ts';
import type { Keyring } from '../access/api-keys.ts';
import { holderOf, untilClosed } from '../access/client.ts';
import type { ClientTimeouts } from '../connections/timeouts.ts';
import { createUploadSlots } from '../connections/upload-slots.ts';
import { boundaryOf } from '../multipart/boundary.ts';
import { FORM_LIMITS, FORM_OVERHEAD_BYTES, readOneFile } from '../multipart/one-file.ts';
import { headers, json, problems } from '../openapi/responses.ts';
import { UploadedTrack } from '../openapi/track-schema.ts';
import { isPlayable, type Presenter } from '../track-view.ts';

const UploadQuery = z.object({
  wait: z.enum(['true', 'ready', 'false'], '"wait" must be true, ready or false').default('true').meta({
    description:
      'When to answer: once the track can be played (`true`), once it is completely encoded (`ready`), or once the file is stored and known to be audio (`false`)',
  }),
});
type UploadQuery = z.infer<typeof UploadQuery>;

/** For the OpenAPI description only: the body is read as a stream, see `multipart/one-file.ts`. */
const UploadForm = z.object({
  file: z.file().meta({ description: 'One audio file, in any supported format' }),
});
const UPLOAD_SCHEMA = {
  operationId: 'uploadFile',
  tags: ['files'],
  summary: 'Upload an audio file',
  consumes: ['multipart/form-data'],
  querystring: UploadQuery,
  body: UploadForm,
  response: {
    200: json('The server has a track of the same bytes already', UploadedTrack, headers.location),
    201: json('The track can be played', UploadedTrack, headers.location),
    202: json('The file is stored and being processed', UploadedTrack, headers.location),
    ...problems(
      ...(['not_multipart', 'malformed_multipart', 'no_file', 'too_many_files', 'empty_file'] as const),
      ...(['invalid_query', 'unauthorized', 'upload_too_slow', 'track_deleted', 'upload_too_large'] as const),
      ...(['unsupported_media', 'processing_failed', 'rate_limited', 'too_busy'] as const),
      ...(['too_many_uploads', 'shutting_down', 'probe_unavailable'] as const),
      ...(['storage_unavailable', 'storage_full'] as const),
    ),
  },
};

type Received = ReceivedUpload & { originalName: string };

export async function uploadRoutes(
  app: FastifyInstance,
  {
    services,
    config,
    keyring,
    presenter,
    timeouts,
  }: {
    services: Services;
    config: Config;
    keyring: Keyring;
    presenter: Presenter;
    timeouts: ClientTimeouts;
  },
): Promise<void> {
  const { encoder, ingest } = services;
  app.setValidatorCompiler<z.ZodType>((part) =>
    part.httpPart === 'body' ? () => true : validatorCompiler(part),
  );
  const slots = createUploadSlots(services.governor.uploads, timeouts);
  await app.register(multipart, {
    throwFileSizeLimit: false,
    limits: { fileSize: config.maxUploadBytes, ...FORM_LIMITS },
  });

  app.post<{ Querystring: UploadQuery }>('/upload', { schema: UPLOAD_SCHEMA }, async (request, reply) => {
    const { wait } = request.query;
    if (!request.isMultipart()) throw errors.notMultipart();
    assertDeclaredSize(declaredBytesOf(request), config.maxUploadBytes);
    const client = { holder: holderOf(request, keyring), signal: untilClosed(reply) };
    await ingest.assertReady();

    const received = await receive(request, client);
    const { track: added, created } = await ingest.add(received, received.originalName, client);
    const track = wait === 'false' ? added : await awaited(added, wait, client.signal);

    if (track.status === 'failed') {
      throw errors.processingFailed(track.filename, track.error?.message ?? 'for an unknown reason.');
    }
    const done = created ? 201 : 200;
    const progress = encoder.progressOf(track.filename);
    const isAccepted = created && !isPlayable(track, progress);
    return reply
      .code(isAccepted ? 202 : done)
      .header('location', presenter.fileUrl(track.filename))
      .send({
        message: message(track, { created, playable: isPlayable(track, progress) }),
        ...(await presenter.viewNow(track)),
      });
  });

  /** Waits until the track is playable or ready. @throws {AppError} 410 when the track is deleted meanwhile. */
  async function awaited(track: Track, wait: 'true' | 'ready', signal: AbortSignal): Promise<Track> {
    const { filename } = track;
    const outcome = await (wait === 'ready'
      ? encoder.whenSettled(filename, { signal })
      : encoder.whenPlayable(filename));
    if (outcome === 'deleted') throw errors.trackDeleted(filename);
    // When the server stops, answer with the track as it is: its processing goes on after the next start.
    return outcome === 'stopped' ? track : outcome;
  }

  /** Receives the file. @throws {AppError} when the form is broken or the client stalls; then nothing of it is kept. */
  async function receive(request: FastifyRequest, client: Client): Promise<Received> {
    const boundary = boundaryOf(request.headers['content-type']);
    client.signal.throwIfAborted();
    const slot = slots.take(client.holder);
    // Give the place back as soon as the connection closes, whatever step is running.
    client.signal.addEventListener('abort', slot.release);
    const signal = AbortSignal.any([client.signal, slot.signal]);
    let room: UploadRoom | undefined;
    let received: Received | undefined;
    try {
      room = await roomFor(request, client.holder);
      signal.addEventListener('abort', room.release);
      signal.throwIfAborted();
      await readOneFile(
        request,
        {
          boundary,
          signal,
          maxFileBytes: config.maxUploadBytes,
          onWait: slot.waitsFor,
          onFileBytes: slot.stored,
        },
        async ({ content, originalName }) => {
          received = {
            originalName,
            ...(await ingest.receive(content, {
              originalName,
              room: room as UploadRoom,
              holder: client.holder,
            })),
          };
        },
      );
    } catch (error) {
      if (received) await ingest.discard(received);
      throw error;
    } finally {
      room?.release();
      slot.release();
    }
    if (!received) throw errors.noFile();
    return received;
  }

  /**
   * Reserves room. On a full disk ends uploads of the holder with the most.
   *
   * @throws {AppError} 507 if that is not enough.
   */
  async function roomFor(request: FastifyRequest, holder: string): Promise<UploadRoom> {
    for (;;) {
      try {
        return await ingest.reserveRoom(declaredBytesOf(request));
      } catch (error) {
        const isFull = error instanceof AppError && error.code === 'storage_full';
        if (!isFull || !slots.displaceFor(holder)) throw error;
      }
    }
  }
}

function declaredBytesOf({ headers }: FastifyRequest): number {
  return Number(headers['content-length'] ?? 0);
}

/** Refuses an upload that is too large before its body is read. */
function assertDeclaredSize(declaredBytes: number, limitBytes: number): void {
  if (declaredBytes > limitBytes + FORM_OVERHEAD_BYTES) throw errors.uploadTooLarge(limitBytes);
}

function message(track: Track, { created, playable }: { created: boolean; playable: boolean }): string {
  if (!created) return `This file is here already, as "${track.filename}".`;
  return `"${track.filename}" is ${playable ? 'ready to play' : 'stored and being processed'}.`;
}
