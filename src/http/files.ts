/** `/files`: the catalogue. */
import type { FastifyInstance } from 'fastify';
import * as z from 'zod';
import { removeTrack } from '../pipeline/remove.ts';
import { retryTrack } from '../pipeline/retry.ts';
import type { Services } from '../services.ts';
import { compressJson } from './compression.ts';
import { parseQuery } from './query.ts';
import { type TrackParams, trackName, trackOf } from './track-param.ts';
import type { Presenter } from './track-view.ts';

const MAX_LIMIT = 1000;
const ListQuery = z.object({
  limit: z.coerce
    .number('"limit" must be a whole number')
    .int('"limit" must be a whole number')
    .min(1, '"limit" must be at least 1')
    .max(MAX_LIMIT, `"limit" must be at most ${MAX_LIMIT}`)
    .optional(),
  cursor: z.string().min(1, '"cursor" must not be empty').optional(),
  q: z.string().optional(),
});

export async function fileRoutes(
  app: FastifyInstance,
  { services, presenter }: { services: Services; presenter: Presenter },
): Promise<void> {
  const { library } = services;
  const { view, fileUrl, listUrl } = presenter;
  compressJson(app);

  app.get('/files', async (request, reply) => {
    const { limit, cursor, q } = parseQuery(ListQuery, request.query);
    const { tracks, nextCursor } = await library.page({ limit, cursor, query: q });
    if (nextCursor !== undefined) {
      const next = new URLSearchParams({ limit: String(limit), cursor: nextCursor, ...(q && { q }) });
      void reply.header('link', `<${listUrl(next)}>; rel="next"`);
    }
    return tracks.map(view);
  });

  app.get<{ Params: TrackParams }>('/files/:filename', async (request) =>
    view(await trackOf(request.params, library)),
  );

  app.delete<{ Params: TrackParams }>('/files/:filename', async (request, reply) => {
    await removeTrack(trackName(request.params), services);
    return reply.code(204).send();
  });

  app.post<{ Params: TrackParams }>('/files/:filename/retry', async (request, reply) => {
    const track = await retryTrack(trackName(request.params), services);
    return reply.code(202).header('location', fileUrl(track.filename)).send(view(track));
  });
}
