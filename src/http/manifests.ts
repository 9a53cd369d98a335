/** The MPD and the HLS playlists: written once for each state of a track, and compressed once. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '../errors.ts';
import { renderMasterPlaylist, renderMediaPlaylist } from '../media/hls.ts';
import { renderMpd } from '../media/mpd.ts';
import type { Services } from '../services.ts';
import type { Track } from '../tracks/track.ts';
import { REVALIDATE, type Representation, representationOf, sendRepresentation } from './caching.ts';
import { compress, wantedEncoding } from './compression.ts';
import type { CrossOrigin } from './cross-origin.ts';
import { type TrackParams, trackOf } from './track-param.ts';
import { isPlayable } from './track-view.ts';

/** RFC 8216 section 10 */
const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
/** From manifests and playlists to segments; relative, so that they work behind any prefix. */
const SEGMENT_BASE = 'segment/';

interface Text {
  /** Among the texts of a track. */
  name: string;
  type: string;
  /** @throws {AppError} 404 where the track has none. */
  render(track: Track): string;
}

type TextRequest = FastifyRequest<{ Params: TrackParams }>;

export function manifestRoutes(
  app: FastifyInstance,
  { services, origins }: { services: Services; origins: CrossOrigin },
): void {
  const { library, encoder, started } = services;
  /** Of a track as its record is now: a change makes another object of it. By name and encoding. */
  const made = new WeakMap<Track, Map<string, Representation>>();
  const keyOf = (name: string, request: FastifyRequest) => `${wantedEncoding(request)} ${name}`;

  const make = async (request: FastifyRequest, track: Track, { name, type, render }: Text) => {
    const encoding = wantedEncoding(request);
    const vary = ['Vary', 'Accept-Encoding'];
    const more = encoding === 'identity' ? vary : [...vary, 'Content-Encoding', encoding];
    const representation = representationOf(await compress(Buffer.from(render(track)), encoding), {
      ...{ type, cacheControl: REVALIDATE },
      more: [...origins.always, ...more],
    });
    const ofTrack = made.get(track) ?? new Map<string, Representation>();
    made.set(track, ofTrack.set(keyOf(name, request), representation));
    return representation;
  };

  const find = async (request: TextRequest, text: Text): Promise<Representation> => {
    const track = await trackOf(request.params, library);
    // Until then it is not known how far it has come.
    if (track.status === 'processing') await started;
    if (!isPlayable(track, encoder.live(track.filename))) throw errors.manifestNotReady(track.filename);
    return make(request, track, text);
  };

  /** What was made is sent at once, without a promise in between: what is playable stays so. */
  const send = (request: TextRequest, reply: FastifyReply, text: Text): Promise<void> | undefined => {
    const track = library.peek(request.params.filename);
    const hot = track && made.get(track)?.get(keyOf(text.name, request));
    if (!hot) return find(request, text).then((found) => answer(request, reply, found));
    answer(request, reply, hot);
    return undefined;
  };
  const answer = (request: FastifyRequest, reply: FastifyReply, representation: Representation) =>
    sendRepresentation(request, reply, representation, origins.of(request));

  app.get<{ Params: TrackParams }>('/stream/:filename/manifest', (request, reply) =>
    send(request, reply, MANIFEST),
  );

  app.get<{ Params: TrackParams }>('/stream/:filename/master.m3u8', (request, reply) =>
    send(request, reply, MASTER_PLAYLIST),
  );

  app.get<{ Params: TrackParams & { rendition: string } }>(
    '/stream/:filename/:rendition.m3u8',
    (request, reply) => send(request, reply, mediaPlaylist(request.params.rendition)),
  );
}

const MANIFEST: Text = {
  name: 'manifest',
  type: 'application/dash+xml',
  render: (track) => renderMpd(track, SEGMENT_BASE),
};

const MASTER_PLAYLIST: Text = { name: 'master', type: PLAYLIST_TYPE, render: renderMasterPlaylist };

function mediaPlaylist(id: string): Text {
  return {
    name: `rendition ${id}`,
    type: PLAYLIST_TYPE,
    render(track) {
      const rendition = track.renditions.find((each) => each.id === id);
      if (!rendition) throw errors.renditionNotFound(track.filename, id);
      return renderMediaPlaylist(track, rendition, SEGMENT_BASE);
    },
  };
}
