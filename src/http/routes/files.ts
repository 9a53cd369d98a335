/** `/files`: lists, shows, deletes and retries tracks. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import * as z from 'zod';
import type { TimeSlices } from '../../concurrency/time-slices.ts';
import { errors } from '../../errors.ts';
import type { Sort } from '../../library/library.ts';
import { analyseAgain } from '../../pipeline/analyse-again.ts';
import { removeTrack } from '../../pipeline/remove.ts';
import { retryTrack } from '../../pipeline/retry.ts';
import type { Services } from '../../services.ts';
import { editTagOf } from '../../tracks/edit-tag.ts';
import { TrackStatus } from '../../tracks/status.ts';
import type { Track } from '../../tracks/track.ts';
import type { Keyring } from '../access/api-keys.ts';
import { holderOf } from '../access/client.ts';
import { compressJson } from '../compression.ts';
import { leaseForAnswer } from '../connections/answer-lease.ts';
import { ACCEPT_PATCH } from '../json-patch-body.ts';
import { empty, headers, json, problems } from '../openapi/responses.ts';
import { TrackView } from '../openapi/track-schema.ts';
import { TrackParams, trackName, trackOf } from '../track-param.ts';
import type { Presenter } from '../track-view.ts';
import { inSlices, jsonArray, TRACKS_IN_SLICE, walkTracks } from './track-slices.ts';

const MAX_LIMIT = 1000;
/** Characters of `q`: more than any title that people type. */
const MAX_QUERY = 500;
const SORTS = ['newest', 'title', 'artist', 'duration'] as const satisfies readonly Sort[];
const STATUSES = TrackStatus.options;

const tagFilter = (name: 'artist' | 'album') =>
  z
    .string(`"${name}" must be given once`)
    .min(1, `"${name}" must not be empty`)
    .max(MAX_QUERY, `"${name}" must have at most ${MAX_QUERY} characters`)
    .optional()
    .meta({ description: `Only tracks of this ${name}, ignoring case and accents`, examples: ['Björk'] });

const ListQuery = z.object({
  limit: z.coerce
    .number('"limit" must be a whole number')
    .int('"limit" must be a whole number')
    .min(1, '"limit" must be at least 1')
    .max(MAX_LIMIT, `"limit" must be at most ${MAX_LIMIT}`)
    .optional()
    .meta({ description: 'Most tracks of a page; all tracks by default', examples: [50] }),
  cursor: z
    .string('"cursor" must be given once')
    .min(1, '"cursor" must not be empty')
    .optional()
    .meta({ description: 'Start of a page: from the `Link` header of the page before' }),
  q: z
    .string('"q" must be given once')
    .max(MAX_QUERY, `"q" must have at most ${MAX_QUERY} characters`)
    .optional()
    .meta({
      description:
        'Words that must all be in the title, artist, album, `filename`, `originalName` or `metadata.externalId`: in any order, also within other words, ignoring case and accents',
      examples: ['bjork joga'],
    }),
  sort: z
    .enum(SORTS, `"sort" must be one of ${SORTS.join(', ')}`)
    .optional()
    .meta({
      description:
        'Order: `newest` (the default) first, `title` (of tracks without one the file name), `artist` (tracks without one last) or `duration` (the shortest first). Equal ones are in the order of their upload',
      examples: ['title'],
    }),
  status: z
    .enum(STATUSES, `"status" must be one of ${STATUSES.join(', ')}`)
    .optional()
    .meta({ description: 'Only tracks of this status', examples: ['ready'] }),
  artist: tagFilter('artist'),
  album: tagFilter('album'),
});
type ListQuery = z.infer<typeof ListQuery>;

const ofTrack = problems('track_not_found', 'unauthorized', 'rate_limited');
const tags = ['files'];

interface FileRouteOptions {
  services: Services;
  presenter: Presenter;
  keyring: Keyring;
  slices: TimeSlices;
}

export async function fileRoutes(
  app: FastifyInstance,
  { services, presenter, keyring, slices }: FileRouteOptions,
): Promise<void> {
  const { library, governor } = services;
  const { view, viewNow, fileUrl, listUrl } = presenter;
  compressJson(app);

  const list = {
    operationId: 'listFiles',
    tags,
    summary: 'List tracks: all, or those that are searched for',
    querystring: ListQuery,
    response: {
      200: json('A page of tracks', z.array(TrackView), headers.nextPage),
      ...problems('invalid_query', 'unauthorized', 'rate_limited', 'too_busy'),
    },
  };
  app.get<{ Querystring: ListQuery }>('/files', { schema: list }, async (request, reply) => {
    const { limit, cursor, q: query, ...chosen } = request.query;
    const read = (from?: string) =>
      library.page({ limit: limit ?? TRACKS_IN_SLICE, cursor: from, query, ...chosen });
    const page = await read(cursor);
    const { tracks, nextCursor } = page;
    if (nextCursor !== undefined) {
      if (limit === undefined) return sendInSlices(request, reply, walkTracks(read, slices, page));
      const next = new URLSearchParams({
        limit: String(limit),
        cursor: nextCursor,
        ...(query && { q: query }),
        ...(chosen as Record<string, string>),
      });
      void reply.header('link', `<${listUrl(next)}>; rel="next"`);
    }
    if (tracks.length > TRACKS_IN_SLICE) return sendInSlices(request, reply, inSlices(tracks, slices));
    await library.readAlbums(tracks);
    return tracks.map(view);
  });

  /** Sends a long list in slices: 1,000 tracks at once block the event loop for 20 ms, 15 of them for the schema. */
  const sendInSlices = (request: FastifyRequest, reply: FastifyReply, tracks: AsyncIterable<Track[]>) => {
    void reply.type('application/json; charset=utf-8');
    if (request.method === 'HEAD') return reply.send(Readable.from([]));
    leaseForAnswer(governor.lists, holderOf(request, keyring), reply, errors.tooManyLists);
    const views = async (slice: Track[]) => {
      await library.readAlbums(slice);
      return slice.map(view);
    };
    // Make at most one slice ahead of the client.
    return reply.send(Readable.from(jsonArray(tracks, views), { objectMode: false, highWaterMark: 1 }));
  };

  const details = {
    operationId: 'getFile',
    tags,
    summary: 'Get a track',
    params: TrackParams,
    description:
      'The `ETag` is that of tags, chapters, metadata and cover, for `If-Match` of a change. It says nothing of the rest, so the answer is never 304.',
    response: {
      200: json('The track as it is now', TrackView, { ...headers.editTag, ...headers.acceptPatch }),
      ...ofTrack,
    },
  };
  app.get<{ Params: TrackParams }>('/files/:filename', { schema: details }, async (request, reply) => {
    const track = await trackOf(request.params, library);
    // A cache would take the tag for one of the whole answer.
    void reply.headers({ etag: editTagOf(track), 'accept-patch': ACCEPT_PATCH, 'cache-control': 'no-store' });
    return viewNow(track);
  });

  const remove = {
    operationId: 'deleteFile',
    tags,
    summary: 'Delete a track',
    params: TrackParams,
    description: 'Cancels processing, and removes all files of the track.',
    response: { 204: empty('The track is deleted'), ...ofTrack },
  };
  app.delete<{ Params: TrackParams }>('/files/:filename', { schema: remove }, async (request, reply) => {
    await removeTrack(trackName(request.params), services);
    return reply.code(204).send();
  });

  const analyse = {
    operationId: 'analyseFile',
    tags,
    summary: 'Analyse a track again',
    description:
      'Reads its tags and cover from the file, but for what was edited, and measures its loudness, waveform and pauses: from the original where it is kept, else from the best rendition. `npm run analyze` does it for many tracks.',
    params: TrackParams,
    response: {
      202: json('The track waits for its analysis', TrackView, headers.location),
      ...problems('track_not_found', 'not_ready', 'analysis_off', 'unauthorized', 'rate_limited'),
    },
  };
  app.post<{ Params: TrackParams }>(
    '/files/:filename/analyze',
    { schema: analyse },
    async (request, reply) => {
      const track = await analyseAgain(trackName(request.params), services);
      return reply
        .code(202)
        .header('location', fileUrl(track.filename))
        .send(await viewNow(track));
    },
  );

  const retry = {
    operationId: 'retryFile',
    tags,
    summary: 'Process a failed track again',
    params: TrackParams,
    response: {
      202: json('The track is being processed', TrackView, headers.location),
      ...problems('track_not_found', 'not_failed', 'unauthorized', 'rate_limited'),
    },
  };
  app.post<{ Params: TrackParams }>('/files/:filename/retry', { schema: retry }, async (request, reply) => {
    const track = await retryTrack(trackName(request.params), services);
    return reply
      .code(202)
      .header('location', fileUrl(track.filename))
      .send(await viewNow(track));
  });
}
