/** `POST /upload`: one file in a multipart form, streamed to storage, answered when it can be played. */
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
import { UploadedTrack } from '../openapi/schemas.ts';
import { isPlayable, type Presenter } from '../track-view.ts';

const UploadQuery = z.object({
  wait: z.enum(['true', 'ready', 'false'], '"wait" must be true, ready or false').default('true').meta({
    description:
      'When it is answered: once the track is playable (`true`), once it is encoded whole (`ready`), or once it is stored and known to be audio (`false`)',
  }),
});
type UploadQuery = z.infer<typeof UploadQuery>;

/** For the description only: the body is read as a stream, see `multipart/one-file.ts`. */
const UploadForm = z.object({
  file: z.file().meta({ description: 'One audio file, in any format that is read' }),
});
const UPLOAD_SCHEMA = {
  operationId: 'uploadFile',
  tags: ['files'],
  summary: 'Uploads an audio file',
  consumes: ['multipart/form-data'],
  querystring: UploadQuery,
  body: UploadForm,
  response: {
    200: json('The same bytes are here already', UploadedTrack, headers.location),
    201: json('It can be played', UploadedTrack, headers.location),
    202: json('It is stored and is being processed', UploadedTrack, headers.location),
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
    const live = encoder.progressOf(track.filename);
    const isAccepted = created && !isPlayable(track, live);
    return reply
      .code(isAccepted ? 202 : done)
      .header('location', presenter.fileUrl(track.filename))
      .send({
        message: message(track, { created, playable: isPlayable(track, live) }),
        ...presenter.view(track),
      });
  });

  /** @throws {AppError} 410 when the track is deleted meanwhile. */
  async function awaited(track: Track, wait: 'true' | 'ready', signal: AbortSignal): Promise<Track> {
    const { filename } = track;
    const outcome = await (wait === 'ready'
      ? encoder.whenSettled(filename, { signal })
      : encoder.whenPlayable(filename));
    if (outcome === 'deleted') throw errors.trackDeleted(filename);
    // The server stops; the track goes on at its next start.
    return outcome === 'stopped' ? track : outcome;
  }

  /** @throws {AppError} what is wrong with the form, or with the client; nothing of the upload is kept then. */
  async function receive(request: FastifyRequest, client: Client): Promise<Received> {
    const boundary = boundaryOf(request.headers['content-type']);
    client.signal.throwIfAborted();
    const slot = slots.take(client.holder);
    // A place is given back when the connection closes, whatever else is going on.
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
          ...{ boundary, signal, maxFileBytes: config.maxUploadBytes },
          ...{ onWait: slot.waitsFor, onFileBytes: slot.stored },
        },
        async ({ content, originalName }) => {
          received = { originalName, ...(await ingest.receive(content, originalName, room as UploadRoom)) };
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

  /** Where the disk is full, who has the most uploads gives way. @throws {AppError} 507 when that is of no help. */
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

/** What does not fit is refused before a byte of it is read. */
function assertDeclaredSize(declaredBytes: number, limitBytes: number): void {
  if (declaredBytes > limitBytes + FORM_OVERHEAD_BYTES) throw errors.uploadTooLarge(limitBytes);
}

function message(track: Track, { created, playable }: { created: boolean; playable: boolean }): string {
  if (!created) return `This file is here already, as "${track.filename}".`;
  return `"${track.filename}" is ${playable ? 'ready to play' : 'stored and being processed'}.`;
}
