/** `PATCH /files/{filename}`: edits tags, chapters and metadata. */
import type { FastifyInstance } from 'fastify';
import { errors } from '../../errors.ts';
import type { Services } from '../../services.ts';
import { editTrack, TrackEdit } from '../../tracks/edit.ts';
import { editTagOf } from '../../tracks/edit-tag.ts';
import { compressJson } from '../compression.ts';
import { readSmallBody } from '../connections/small-body.ts';
import type { ClientTimeouts } from '../connections/timeouts.ts';
import { acceptPatches } from '../json-patch-body.ts';
import { headers, json, problems } from '../openapi/responses.ts';
import { TrackView } from '../openapi/track-schema.ts';
import { assertIfMatch, Precondition } from '../preconditions.ts';
import { TrackParams, trackName } from '../track-param.ts';
import type { Presenter } from '../track-view.ts';

/** A thousand chapters with long titles; metadata and tags take little of it. */
const MAX_BODY_BYTES = 256 * 1024;

export async function editRoutes(
  app: FastifyInstance,
  { services, presenter, timeouts }: { services: Services; presenter: Presenter; timeouts: ClientTimeouts },
): Promise<void> {
  const { library, trackEvents } = services;
  compressJson(app);
  const limits = { limitBytes: MAX_BODY_BYTES, timeoutMs: timeouts.bodyMs };
  acceptPatches(app, (body) => readSmallBody(body, limits));

  const schema = {
    operationId: 'editFile',
    tags: ['files'],
    summary: 'Edit tags, chapters and metadata of a track',
    description:
      'A JSON Merge Patch (RFC 7396): what is absent stays, null removes, lists are replaced. Processing a track again keeps what was edited. With `If-Match` the edit is made only if nothing of these was changed since that `ETag`.',
    consumes: ['application/merge-patch+json', 'application/json'],
    params: TrackParams,
    headers: Precondition,
    body: TrackEdit,
    response: {
      200: json('The track with the edit', TrackView, headers.editTag),
      ...problems(
        'invalid_body',
        'unauthorized',
        'track_not_found',
        'request_too_slow',
        'precondition_failed',
      ),
      ...problems('unsupported_media', 'rate_limited', 'storage_unavailable'),
    },
  };
  app.patch<{ Params: TrackParams; Body: TrackEdit }>(
    '/files/:filename',
    { schema },
    async (request, reply) => {
      const filename = trackName(request.params);
      const track = await library.update(filename, (current) => {
        assertIfMatch(request.headers['if-match'], editTagOf(current));
        return editTrack(current, request.body);
      });
      if (!track) throw errors.trackNotFound(filename);
      trackEvents.changed(filename);
      return reply.header('etag', editTagOf(track)).send(await presenter.viewNow(track));
    },
  );
}
