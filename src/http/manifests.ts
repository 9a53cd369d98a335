/** The MPD and the HLS playlists: written once for each state of a track, and compressed once. */
import type { IncomingMessage } from 'node:http';
import { errors } from '../errors.ts';
import { renderMasterPlaylist, renderMediaPlaylist } from '../media/hls.ts';
import { renderMpd } from '../media/mpd.ts';
import type { Services } from '../services.ts';
import type { Track } from '../tracks/track.ts';
import { REVALIDATE, type Representation, representationOf } from './caching.ts';
import { compress, wantedEncoding } from './compression.ts';
import type { CrossOrigin } from './cross-origin.ts';
import { type TrackParams, trackOf } from './track-param.ts';
import { isPlayable } from './track-view.ts';

/** RFC 8216 section 10 */
const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
/** From manifests and playlists to segments; relative, so that they work behind any prefix. */
const SEGMENT_BASE = 'segment/';

export interface Text {
  /** The last part of its address. */
  name: string;
  type: string;
  /** @throws {AppError} 404 where the track has none. */
  render(track: Track): string;
}

export interface Manifests {
  /** What was made before, and is true still. @param name `manifest`, `master.m3u8`, `aac-128k.m3u8` */
  hot(filename: string, name: string, request: IncomingMessage): Representation | undefined;
  /** @throws {AppError} 404 when there is no such track or rendition, or nothing of it can be played yet. */
  find(params: TrackParams, text: Text, request: IncomingMessage): Promise<Representation>;
}

export function createManifests(services: Services, origins: CrossOrigin): Manifests {
  const { library, encoder, started } = services;
  /** Of a track as its record is now: a change makes another object of it. By name and encoding. */
  const made = new WeakMap<Track, Map<string, Representation>>();
  /** What is being made: who asks meanwhile gets the same. */
  const making = new WeakMap<Track, Map<string, Promise<Representation>>>();
  const keyOf = (name: string, request: IncomingMessage) => `${wantedEncoding(request)} ${name}`;

  const makeOnce = (request: IncomingMessage, track: Track, text: Text): Promise<Representation> => {
    const ofTrack = making.get(track) ?? new Map<string, Promise<Representation>>();
    making.set(track, ofTrack);
    const key = keyOf(text.name, request);
    const underWay = ofTrack.get(key) ?? make(request, track, text).finally(() => ofTrack.delete(key));
    ofTrack.set(key, underWay);
    return underWay;
  };

  const make = async (request: IncomingMessage, track: Track, { name, type, render }: Text) => {
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

  return {
    hot(filename, name, request) {
      const track = library.peek(filename);
      // What was playable stays so.
      return track && made.get(track)?.get(keyOf(name, request));
    },
    async find(params, text, request) {
      const track = await trackOf(params, library);
      // Until then it is not known how far it has come.
      if (track.status === 'processing') await started;
      if (!isPlayable(track, encoder.live(track.filename))) throw errors.manifestNotReady(track.filename);
      return made.get(track)?.get(keyOf(text.name, request)) ?? makeOnce(request, track, text);
    },
  };
}

export const MANIFEST: Text = {
  name: 'manifest',
  type: 'application/dash+xml',
  render: (track) => renderMpd(track, SEGMENT_BASE),
};

export const MASTER_PLAYLIST: Text = {
  name: 'master.m3u8',
  type: PLAYLIST_TYPE,
  render: renderMasterPlaylist,
};

export function mediaPlaylist(id: string): Text {
  return {
    name: `${id}.m3u8`,
    type: PLAYLIST_TYPE,
    render(track) {
      const rendition = track.renditions.find((each) => each.id === id);
      if (!rendition) throw errors.renditionNotFound(track.filename, id);
      return renderMediaPlaylist(track, rendition, SEGMENT_BASE);
    },
  };
}
