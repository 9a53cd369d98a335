/** `/events` and `/files/{filename}/events`: changes of tracks as Server-Sent Events (HTML Living Standard section 9.2). */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TimeSlices } from '../../concurrency/time-slices.ts';
import { errors } from '../../errors.ts';
import type { Services } from '../../services.ts';
import type { Track } from '../../tracks/track.ts';
import type { Keyring } from '../access/api-keys.ts';
import { holderOf } from '../access/client.ts';
import { leaseForAnswer } from '../connections/answer-lease.ts';
import { type EventStream, openEventStream } from '../connections/event-stream.ts';
import type { ClientTimeouts } from '../connections/timeouts.ts';
import { media, problems } from '../openapi/responses.ts';
import { TrackParams, trackOf } from '../track-param.ts';
import type { Presenter } from '../track-view.ts';
import { type Following, follow } from './following.ts';
import { TRACKS_IN_SLICE, walkTracks } from './track-slices.ts';

interface EventRouteOptions {
  services: Services;
  presenter: Presenter;
  keyring: Keyring;
  timeouts: ClientTimeouts;
  slices: TimeSlices;
}

export async function eventRoutes(
  app: FastifyInstance,
  { services, presenter, keyring, timeouts, slices }: EventRouteOptions,
): Promise<void> {
  const { library, trackEvents, liveWaveforms, governor } = services;
  const open = new Set<EventStream>();
  // An open stream would keep the server from closing.
  app.addHook('preClose', async () => {
    for (const stream of open) stream.end();
  });

  const openStream = async (request: FastifyRequest, reply: FastifyReply, following: Following) => {
    leaseForAnswer(governor.eventStreams, holderOf(request, keyring), reply, errors.tooManyEventStreams);
    const stream = openEventStream(reply, timeouts.heartbeatMs);
    open.add(stream);
    try {
      await follow(stream, following, { library, trackEvents, liveWaveforms, presenter, slices });
    } finally {
      open.delete(stream);
      stream.end();
    }
    return reply;
  };

  const oldestFirst = (cursor?: string) =>
    library.page({ cursor, limit: TRACKS_IN_SLICE, oldestFirst: true });

  // HEAD would open a stream without a body.
  const exposeHeadRoute = false;
  const stream = media(
    'Server-Sent Events: `track` with a track, `removed` with a `filename`, `waveform` with new pixels of one that is being made. The current states come first, then changes',
    'text/event-stream',
  );
  const all = {
    operationId: 'followFiles',
    tags: ['files'],
    summary: 'Follow all tracks',
    response: { 200: stream, ...problems('unauthorized', 'rate_limited', 'too_busy') },
  };
  app.get('/events', { exposeHeadRoute, schema: all }, (request, reply) =>
    openStream(request, reply, {
      isMeant: () => true,
      current: () => walkTracks(oldestFirst, slices),
      isLast: () => false,
    }),
  );

  const one = {
    operationId: 'followFile',
    tags: ['files'],
    summary: 'Follow a track until it is processed',
    params: TrackParams,
    response: { 200: stream, ...problems('track_not_found', 'unauthorized', 'rate_limited', 'too_busy') },
  };
  const options = { exposeHeadRoute, schema: one };
  app.get<{ Params: TrackParams }>('/files/:filename/events', options, async (request, reply) => {
    const { filename } = await trackOf(request.params, library);
    return openStream(request, reply, {
      isMeant: (name) => name === filename,
      current: () => stateNow(filename),
      isLast: (track) => track?.status !== 'processing',
    });
  });

  async function* stateNow(filename: string): AsyncGenerator<Track[]> {
    const track = await library.get(filename);
    if (track) yield [track];
  }
}
