/** `/events`: what happens to tracks, as Server-Sent Events (HTML Living Standard section 9.2). */
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Services } from '../services.ts';
import type { Track } from '../tracks/track.ts';
import { media, problems } from './answers.ts';
import { type EventStream, openEventStream } from './event-stream.ts';
import { TrackParams, trackOf } from './track-param.ts';
import type { Presenter } from './track-view.ts';

/** What one client follows. */
interface Following {
  isMeant(filename: string): boolean;
  /** Tracks whose state is told at the beginning. */
  current(): Promise<Track[]>;
  /** Whether nothing more will ever be told. */
  isOver(): Promise<boolean>;
}

export async function eventRoutes(
  app: FastifyInstance,
  { services, presenter }: { services: Services; presenter: Presenter },
): Promise<void> {
  const { library, feed } = services;
  const open = new Set<EventStream>();
  // An open stream would keep the server from closing.
  app.addHook('preClose', async () => {
    for (const stream of open) stream.end();
  });

  const tell = async (stream: EventStream, filename: string) => {
    const track = await library.get(filename);
    if (track) await stream.send('track', presenter.view(track));
    else await stream.send('removed', { filename });
  };

  /** Tells each state as it is when there is room to send it: what a slow client missed is told once. */
  const follow = async (reply: FastifyReply, following: Following) => {
    const stream = openEventStream(reply);
    const changed = new Set<string>();
    let wake = () => {};
    open.add(stream);
    // Listening comes first: what changes while the current states are sent is told after them.
    const stopListening = feed.listen((filename) => {
      if (!following.isMeant(filename)) return;
      changed.add(filename);
      wake();
    });
    try {
      for (const { filename } of await following.current()) await tell(stream, filename);
      while (!stream.isClosed()) {
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        for (const filename of changed) {
          changed.delete(filename);
          await tell(stream, filename);
        }
        if (await following.isOver()) break;
        if (changed.size === 0) await Promise.race([stream.closed, woken]);
      }
    } finally {
      stopListening();
      open.delete(stream);
      stream.end();
    }
    return reply;
  };

  // HEAD would be a stream that nobody can read.
  const exposeHeadRoute = false;
  const stream = media(
    'Server-Sent Events: `track` with a track, `removed` with a `filename`; the current states first, then changes',
    'text/event-stream',
  );
  const all = {
    ...{ operationId: 'followFiles', tags: ['files'], summary: 'What happens to all tracks' },
    response: { 200: stream, ...problems('unauthorized', 'rate_limited') },
  };
  app.get('/events', { exposeHeadRoute, schema: all }, (_request, reply) =>
    follow(reply, {
      isMeant: () => true,
      current: async () => (await library.page({})).tracks.reverse(),
      isOver: async () => false,
    }),
  );

  const one = {
    ...{
      operationId: 'followFile',
      tags: ['files'],
      summary: 'What happens to a track, until it is processed',
    },
    params: TrackParams,
    response: { 200: stream, ...problems('track_not_found', 'unauthorized', 'rate_limited') },
  };
  const options = { exposeHeadRoute, schema: one };
  app.get<{ Params: TrackParams }>('/files/:filename/events', options, async (request, reply) => {
    const track = await trackOf(request.params, library);
    const { filename } = track;
    return follow(reply, {
      isMeant: (name) => name === filename,
      current: async () => [track],
      isOver: async () => (await library.get(filename))?.status !== 'processing',
    });
  });
}
