/** `POST /upload`: one file in a multipart form, streamed to storage, answered when it can be played. */
import multipart, { type MultipartFile } from '@fastify/multipart';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { validatorCompiler } from 'fastify-type-provider-zod';
import * as z from 'zod';
import type { Config } from '../config.ts';
import { AppError, errors } from '../errors.ts';
import type { Services } from '../services.ts';
import type { ReceivedUpload } from '../storage/storage.ts';
import type { Track } from '../tracks/track.ts';
import { headers, json, problems } from './answers.ts';
import { holderOf, untilClosed } from './client.ts';
import type { Keyring } from './keys.ts';
import type { Patience } from './patience.ts';
import { UploadedTrack } from './schemas.ts';
import { isPlayable, type Presenter } from './track-view.ts';
import { createUploadSlots } from './upload-slots.ts';

const UploadQuery = z.object({
  wait: z.enum(['true', 'ready', 'false'], '"wait" must be true, ready or false').default('true').meta({
    description:
      'When it is answered: once the track is playable (`true`), once it is encoded whole (`ready`), or once it is stored and known to be audio (`false`)',
  }),
});
type UploadQuery = z.infer<typeof UploadQuery>;

/** For the description only: the body is read as a stream, see `receiveOneFile`. */
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

/** A form has room for a few other fields; none of them is used. */
const MAX_FIELDS = 20;
const MAX_FIELD_BYTES = 64 * 1024;

export async function uploadRoutes(
  app: FastifyInstance,
  {
    services,
    config,
    keyring,
    presenter,
    patience,
  }: {
    services: Services;
    config: Config;
    keyring: Keyring;
    presenter: Presenter;
    patience: Patience;
  },
): Promise<void> {
  const { encoder, ingest } = services;
  app.setValidatorCompiler<z.ZodType>((part) =>
    part.httpPart === 'body' ? () => true : validatorCompiler(part),
  );
  const slots = createUploadSlots(config.maxUploads, patience);
  await app.register(multipart, {
    throwFileSizeLimit: false,
    limits: {
      fileSize: config.maxUploadBytes,
      // Two, so that a second file is seen and refused instead of being dropped without a word.
      files: 2,
      fields: MAX_FIELDS,
      fieldSize: MAX_FIELD_BYTES,
    },
  });

  app.post<{ Querystring: UploadQuery }>('/upload', { schema: UPLOAD_SCHEMA }, async (request, reply) => {
    const { wait } = request.query;
    if (!request.isMultipart()) throw errors.notMultipart();
    const declaredBytes = Number(request.headers['content-length'] ?? 0);
    assertDeclaredSize(declaredBytes, config.maxUploadBytes);
    await ingest.assertRoom(declaredBytes);

    const { received, originalName } = await receiveOneFile(request);
    const { track: added, created } = await ingest.add(received, originalName, {
      holder: holderOf(request, keyring),
      signal: untilClosed(reply),
    });
    const track = wait === 'false' ? added : await awaited(added, wait);

    if (track.status === 'failed') {
      throw errors.processingFailed(track.filename, track.error?.message ?? 'for an unknown reason.');
    }
    const done = created ? 201 : 200;
    const live = encoder.live(track.filename);
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
  async function awaited(track: Track, wait: 'true' | 'ready'): Promise<Track> {
    const { filename } = track;
    const outcome = await (wait === 'ready' ? encoder.whenSettled(filename) : encoder.whenPlayable(filename));
    if (outcome === 'deleted') throw errors.trackDeleted(filename);
    // The server stops; the track goes on at its next start.
    return outcome === 'stopped' ? track : outcome;
  }

  async function receiveOneFile(
    request: FastifyRequest,
  ): Promise<{ received: ReceivedUpload; originalName: string }> {
    const slot = slots.take(request.raw);
    let found: { received: ReceivedUpload; originalName: string } | undefined;
    let files = 0;
    try {
      for await (const part of untilAborted(request.parts(), slot.signal)) {
        if (part.type !== 'file') continue;
        if (++files > 1) throw errors.tooManyFiles();
        if (part.fieldname !== 'file') {
          part.file.resume();
          continue;
        }
        const originalName = part.filename ?? '';
        const received = await ingest.receive(
          wholeFile(part, config.maxUploadBytes, slot.signal),
          originalName,
        );
        found = { received, originalName };
      }
    } catch (error) {
      if (found) await ingest.discard(found.received);
      throw asUploadError(error);
    } finally {
      slot.release();
      // Whatever is left of the body is read and dropped, so that the client gets to read the answer.
      request.raw.unpipe();
      request.raw.resume();
    }
    if (!found) throw errors.noFile();
    return found;
  }
}

/** The bytes of a part; past the limit @fastify/multipart ends it without an error, so that is looked at here. */
async function* wholeFile(
  part: MultipartFile,
  limitBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { file } = part;
  const onAbort = () => file.destroy(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    yield* file as AsyncIterable<Buffer>;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
  if (file.truncated) throw errors.uploadTooLarge(limitBytes);
}

/** Goes on as `values` do. @throws the reason of the signal, where that comes first. */
async function* untilAborted<T>(values: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = values[Symbol.asyncIterator]();
  const aborted = new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  aborted.catch(() => {});
  for (;;) {
    const next = await Promise.race([iterator.next(), aborted]);
    if (next.done) return;
    yield next.value;
  }
}

/** What does not fit is refused before a byte of it is read. */
function assertDeclaredSize(declaredBytes: number, limitBytes: number): void {
  const formOverhead = MAX_FIELDS * MAX_FIELD_BYTES;
  if (declaredBytes > limitBytes + formOverhead) throw errors.uploadTooLarge(limitBytes);
}

function asUploadError(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = (error as { code?: unknown }).code;
  if (code === 'FST_FILES_LIMIT') return errors.tooManyFiles();
  const message = error instanceof Error ? error.message : '';
  const isMultipartError =
    typeof code === 'string' && (code.startsWith('FST_MP_') || code.startsWith('FST_'));
  if (isMultipartError || /multipart|part terminated|boundary|aborted/i.test(message)) {
    return errors.malformedMultipart(error);
  }
  return error;
}

function message(track: Track, { created, playable }: { created: boolean; playable: boolean }): string {
  if (!created) return `This file is here already, as "${track.filename}".`;
  return `"${track.filename}" is ${playable ? 'ready to play' : 'stored and being processed'}.`;
}
