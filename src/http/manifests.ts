/** The MPD and the HLS playlists: written once for each state of a track, and compressed once. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors } from '../errors.ts';
import { renderMasterPlaylist, renderMediaPlaylist } from '../media/hls.ts';
import { renderMpd } from '../media/mpd.ts';
import type { Services } from '../services.ts';
import type { Track } from '../tracks/track.ts';
import { REVALIDATE, type Representation, representationOf, sendRepresentation } from './caching.ts';
import { compress, type Encoding, wantedEncoding } from './compression.ts';
import type { CrossOrigin } from './cross-origin.ts';
import { type TrackParams, trackOf } from './track-param.ts';
import { isPlayable } from './track-view.ts';

const MANIFEST_TYPE = 'application/dash+xml';
/** RFC 8216 section 10 */
const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
/** From manifests and playlists to segments; relative, so that they work behind any prefix. */
const SEGMENT_BASE = 'segment/';

interface Text {
  type: string;
  render(): string;
}

export function manifestRoutes(
  app: FastifyInstance,
  { services, origins }: { services: Services; origins: CrossOrigin },
): void {
  const { library, encoder, started } = services;
  /** Of a track as its record is now: a change makes another object of it. By name of the text and encoding. */
  const made = new WeakMap<Track, Map<string, Promise<Representation>>>();

  const representing = async ({ type, render }: Text, encoding: Encoding): Promise<Representation> => {
    const vary = [
      'Vary',
      'Accept-Encoding',
      ...(encoding === 'identity' ? [] : ['Content-Encoding', encoding]),
    ];
    const bytes = await compress(Buffer.from(render()), encoding);
    return representationOf(bytes, { type, cacheControl: REVALIDATE, more: [...origins.always, ...vary] });
  };

  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    { track, name, text }: { track: Track; name: string; text: Text },
  ): Promise<void> => {
    // Until then it is not known how far it has come.
    if (track.status === 'processing') await started;
    if (!isPlayable(track, encoder.live(track.filename))) throw errors.manifestNotReady(track.filename);
    const encoding = wantedEncoding(request);
    const key = `${encoding} ${name}`;
    const ofTrack = made.get(track) ?? new Map<string, Promise<Representation>>();
    made.set(track, ofTrack);
    const representation = ofTrack.get(key) ?? representing(text, encoding);
    ofTrack.set(key, representation);
    sendRepresentation(request, reply, await representation, origins.of(request));
  };

  app.get<{ Params: TrackParams }>('/stream/:filename/manifest', async (request, reply) => {
    const track = await trackOf(request.params, library);
    const text = { type: MANIFEST_TYPE, render: () => renderMpd(track, SEGMENT_BASE) };
    return send(request, reply, { track, name: 'manifest', text });
  });

  app.get<{ Params: TrackParams }>('/stream/:filename/master.m3u8', async (request, reply) => {
    const track = await trackOf(request.params, library);
    const text = { type: PLAYLIST_TYPE, render: () => renderMasterPlaylist(track) };
    return send(request, reply, { track, name: 'master', text });
  });

  app.get<{ Params: TrackParams & { rendition: string } }>(
    '/stream/:filename/:rendition.m3u8',
    async (request, reply) => {
      const track = await trackOf(request.params, library);
      const rendition = track.renditions.find(({ id }) => id === request.params.rendition);
      if (!rendition) throw errors.renditionNotFound(track.filename, request.params.rendition);
      const text = { type: PLAYLIST_TYPE, render: () => renderMediaPlaylist(track, rendition, SEGMENT_BASE) };
      return send(request, reply, { track, name: `rendition ${rendition.id}`, text });
    },
  );
}
