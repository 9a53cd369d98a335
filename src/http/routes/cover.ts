/** `PUT` and `DELETE /files/{filename}/cover`: choose the cover of a track. `GET` is a side file. */
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import { errors, UnreadableMediaError } from '../../errors.ts';
import { editCover } from '../../facts/change-cover.ts';
import type { CoverFiles } from '../../facts/cover-files.ts';
import { MAX_PICTURE_BYTES, readPicture } from '../../facts/read-picture.ts';
import type { Services } from '../../services.ts';
import { editTagOf } from '../../tracks/edit-tag.ts';
import type { Track } from '../../tracks/track.ts';
import type { Keyring } from '../access/api-keys.ts';
import { holderOf, untilClosed } from '../access/client.ts';
import { compressJson } from '../compression.ts';
import { readSmallBytes } from '../connections/small-body.ts';
import type { ClientTimeouts } from '../connections/timeouts.ts';
import { headers, json, problems } from '../openapi/responses.ts';
import { TrackView } from '../openapi/track-schema.ts';
import { assertIfMatch, Precondition } from '../preconditions.ts';
import { TrackParams, trackOf } from '../track-param.ts';
import type { Presenter } from '../track-view.ts';

/** A picture has some hundred times the bytes of other bodies. */
const PATIENCE = 6;
/** Media types that the description names; the content decides. */
const PICTURE_TYPES = ['image/jpeg', 'image/png', 'image/webp'];

/** For the description: the bytes are read by the handler. */
const Picture = z.any().meta({ type: 'string', format: 'binary', description: 'The picture' });

interface CoverRouteOptions {
  services: Services;
  presenter: Presenter;
  keyring: Keyring;
  timeouts: ClientTimeouts;
}

export async function coverRoutes(
  app: FastifyInstance,
  { services, presenter, keyring, timeouts }: CoverRouteOptions,
): Promise<void> {
  const { library, storage, governor, selfTest, trackEvents } = services;
  const limits = { limitBytes: MAX_PICTURE_BYTES, timeoutMs: timeouts.bodyMs * PATIENCE };
  compressJson(app);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', async (_request: FastifyRequest, body: Readable) => body);

  /** Makes the files of a cover in turn with files that are examined. Blames the picture only if ffmpeg works. */
  const filesOf = async (picture: Buffer, holder: string, signal: AbortSignal): Promise<CoverFiles> => {
    const lease = await governor.probes.take(holder, { signal });
    try {
      return await readPicture(picture, { storage, tools: await services.tools, signal });
    } catch (error) {
      const fault = error instanceof UnreadableMediaError ? await selfTest.recentFault() : null;
      throw fault === null ? error : errors.probeUnavailable(new Error(fault, { cause: error }));
    } finally {
      lease.release();
    }
  };

  const answer = async (track: Track, reply: FastifyReply) => {
    trackEvents.changed(track.filename);
    return reply.header('etag', editTagOf(track)).send(await presenter.viewNow(track));
  };

  const changed = {
    200: json('The track with the change', TrackView, headers.editTag),
    ...problems(
      'unauthorized',
      'track_not_found',
      'precondition_failed',
      'rate_limited',
      'storage_unavailable',
    ),
  };
  const put = {
    operationId: 'putFileCover',
    tags: ['files'],
    summary: 'Set the cover of a track',
    description: `The body is a JPEG, PNG or WebP of at most ${MAX_PICTURE_BYTES} bytes and 50 million pixels; its content decides, whatever \`Content-Type\` says. The server makes JPEGs of it, without metadata. The picture in the file is not asked for after that.`,
    consumes: PICTURE_TYPES,
    params: TrackParams,
    body: Picture,
    headers: Precondition,
    response: changed,
  };
  const tooMuch = problems(
    'bad_request',
    'request_too_slow',
    'unsupported_media',
    'too_busy',
    'probe_unavailable',
    'storage_full',
  );
  app.put<{ Params: TrackParams; Body: Readable | undefined }>(
    '/files/:filename/cover',
    { schema: { ...put, response: { ...changed, ...tooMuch } } },
    async (request, reply) => {
      const accept = (track: Track) => assertIfMatch(request.headers['if-match'], editTagOf(track));
      const track = await trackOf(request.params, library);
      accept(track);
      const holder = holderOf(request, keyring);
      const lease = governor.covers.tryTake(holder);
      if (!lease) throw errors.tooManyCovers();
      try {
        const signal = untilClosed(reply);
        const picture = request.body ? await readSmallBytes(request.body, limits) : Buffer.alloc(0);
        const files = await filesOf(picture, holder, signal);
        return answer(await editCover(track.filename, { files, accept }, { library, storage }), reply);
      } finally {
        lease.release();
      }
    },
  );

  const remove = {
    operationId: 'deleteFileCover',
    tags: ['files'],
    summary: 'Remove the cover of a track',
    description: 'The picture in the file is not asked for after that.',
    params: TrackParams,
    headers: Precondition,
    response: changed,
  };
  app.delete<{ Params: TrackParams }>(
    '/files/:filename/cover',
    { schema: remove },
    async (request, reply) => {
      const accept = (track: Track) => assertIfMatch(request.headers['if-match'], editTagOf(track));
      const { filename } = await trackOf(request.params, library);
      return answer(await editCover(filename, { files: null, accept }, { library, storage }), reply);
    },
  );
}
