/** Renders and compresses the MPD and the HLS playlists, and caches them until their track changes. */
import type { IncomingMessage } from 'node:http';
import { LRUCache } from 'lru-cache';
import { createSingleFlight, type SingleFlight } from '../../concurrency/single-flight.ts';
import { errors } from '../../errors.ts';
import { inOwnMemory } from '../../own-memory.ts';
import { renderMasterPlaylist, renderMediaPlaylist } from '../../presentation/hls.ts';
import { renderMpd } from '../../presentation/mpd.ts';
import type { Services } from '../../services.ts';
import type { Track } from '../../tracks/track.ts';
import { compress, wantedEncoding } from '../compression.ts';
import { type TrackParams, trackOf } from '../track-param.ts';
import { isPlayable } from '../track-view.ts';
import { REVALIDATE, type Representation, representationOf } from './caching.ts';
import type { CrossOrigin } from './cross-origin.ts';

/** RFC 8216 section 10 */
const PLAYLIST_TYPE = 'application/vnd.apple.mpegurl';
/** Path from manifests and playlists to the segments of the service. A relative path works behind any prefix. */
const SEGMENT_BASE = 'segment/';

/** Size of the cache: thousands of manifests and playlists. */
const MAX_BYTES = 16 * 1024 ** 2;
/** Bytes of an entry beside its text: buffer, headers, bookkeeping of the cache. */
const ENTRY_BYTES = 2000;

/** A manifest or playlist. */
export interface Text {
  /** Last part of its address. */
  name: string;
  type: string;
  /**
   * Renders the text.
   *
   * @param segmentBase address of the segments, relative to the text or absolute, with a slash at its end.
   * @throws {AppError} 404 when the track has no such text.
   */
  render(track: Track, segmentBase: string): string;
}

export interface Manifests {
  /** Returns a cached text that is still current. @param name `manifest`, `master.m3u8`, `aac-128k.m3u8` */
  cached(filename: string, name: string, request: IncomingMessage): Representation | undefined;
  /** Resolves with a text. @throws {AppError} 404 when there is no such track or rendition, or it cannot be played yet. */
  find(params: TrackParams, text: Text, request: IncomingMessage): Promise<Representation>;
}

/** A cached text, and its record: the text is current as long as the library returns this very object. */
interface Made {
  track: Track;
  representation: Representation;
}

/** Creates the cache. @param maxBytes of memory. The least recently used texts are dropped first. */
export function createManifests(services: Services, origins: CrossOrigin, maxBytes = MAX_BYTES): Manifests {
  const { library, storage, encoder, segmentRepair, started } = services;
  const made = new LRUCache<string, Made>({
    maxSize: maxBytes,
    sizeCalculation: ({ representation: { bytes } }, key) => bytes.length + key.length + ENTRY_BYTES,
  });
  /** Renderings under way, by record: a request for a changed record does not get the text of the old one. */
  const making = new WeakMap<Track, SingleFlight<string, Representation>>();
  // Neither an encoding nor a file name holds a slash.
  const keyOf = (filename: string, name: string, request: IncomingMessage) =>
    `${wantedEncoding(request)}/${filename}/${name}`;
  const madeOf = (track: Track, key: string) => {
    const found = made.get(key);
    return found?.track === track ? found.representation : undefined;
  };

  // Segments of other tracks may have to be waited for.
  const segmentBaseOf = ({ status, home }: Track) =>
    (status === 'ready' && storage.addresses?.folderOf(home)) || SEGMENT_BASE;

  const makeOnce = (request: IncomingMessage, track: Track, text: Text): Promise<Representation> => {
    const ofTrack = making.get(track) ?? createSingleFlight<string, Representation>();
    making.set(track, ofTrack);
    return ofTrack.run(keyOf(track.filename, text.name, request), () => make(request, track, text));
  };

  const make = async (request: IncomingMessage, track: Track, { name, type, render }: Text) => {
    if (storage.addresses) segmentRepair.lookOver(track);
    const encoding = wantedEncoding(request);
    const vary = ['Vary', 'Accept-Encoding'];
    const more = encoding === 'identity' ? vary : [...vary, 'Content-Encoding', encoding];
    const bytes = inOwnMemory(await compress(Buffer.from(render(track, segmentBaseOf(track))), encoding));
    const representation = representationOf(bytes, {
      type,
      cacheControl: REVALIDATE,
      more: [...origins.always, ...more],
    });
    made.set(keyOf(track.filename, name, request), { track, representation });
    return representation;
  };

  return {
    cached(filename, name, request) {
      const track = library.peek(filename);
      // A cached text was playable once, and a track stays playable.
      return track && madeOf(track, keyOf(filename, name, request));
    },
    async find(params, text, request) {
      const track = await trackOf(params, library);
      // Before the library is read, the encoder does not know how far the track has come.
      if (track.status === 'processing') await started;
      // Another node may have answered its client a moment ago that the track can be played.
      if (!isPlayable(track, encoder.progressOf(track.filename))) await encoder.readProgress(track.filename);
      if (!isPlayable(track, encoder.progressOf(track.filename)))
        throw errors.manifestNotReady(track.filename);
      const key = keyOf(track.filename, text.name, request);
      return madeOf(track, key) ?? makeOnce(request, track, text);
    },
  };
}

export const MANIFEST: Text = {
  name: 'manifest',
  type: 'application/dash+xml',
  render: renderMpd,
};

export const MASTER_PLAYLIST: Text = {
  name: 'master.m3u8',
  type: PLAYLIST_TYPE,
  render: renderMasterPlaylist,
};

/** Returns the media playlist of a rendition. @param id of the rendition. */
export function mediaPlaylist(id: string): Text {
  return {
    name: `${id}.m3u8`,
    type: PLAYLIST_TYPE,
    render(track, segmentBase) {
      const rendition = track.renditions.find((each) => each.id === id);
      if (!rendition) throw errors.renditionNotFound(track.filename, id);
      return renderMediaPlaylist(track, rendition, segmentBase);
    },
  };
}
