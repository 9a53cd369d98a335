/** A track as the API shows it. */
import type { Encoder, EncodingProgress } from '../encoding/encoder.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';
import type { SignedLinks } from './access/signed-links.ts';
import type { StreamLinks, TrackView } from './openapi/schemas.ts';

/** Shows tracks, with addresses that clients can use. */
export interface Presenter {
  view(track: Track): TrackView;
  fileUrl(filename: string): string;
  /** Addresses of a stream to hand on. @param seconds how long they are to hold; a day or so, where it is not said. */
  links(track: Track, seconds?: number): StreamLinks;
  /** The address of a page of the list. */
  listUrl(query: URLSearchParams): string;
}

/** @param publicUrl under which clients find the server, without a slash at its end; empty where it is at the root. */
export function createPresenter(encoder: Encoder, links: SignedLinks, publicUrl: string): Presenter {
  const linksTo = (track: Track, seconds?: number): StreamLinks => {
    const { path, expiresAt } = links.to(track, seconds);
    const [manifestUrl, hlsUrl] = [`${publicUrl}${path}/manifest`, `${publicUrl}${path}/master.m3u8`];
    return { manifestUrl, hlsUrl, expiresAt: expiresAt?.toISOString() ?? null };
  };
  return {
    links: linksTo,
    view: (track) => {
      const live = encoder.progressOf(track.filename);
      const { manifestUrl, hlsUrl } = isPlayable(track, live) ? linksTo(track) : NO_LINKS;
      return { ...viewTrack(track, live), manifestUrl, hlsUrl };
    },
    fileUrl: (filename) => `${publicUrl}/files/${encodeURIComponent(filename)}`,
    listUrl: (query) => `${publicUrl}/files?${query}`,
  };
}

const NO_LINKS = { manifestUrl: null, hlsUrl: null };

/** @param live what is known beyond the record while the track is processed. */
function viewTrack(track: Track, live: EncodingProgress | undefined): Omit<TrackView, 'manifestUrl' | 'hlsUrl'> {
  return {
    name: track.filename,
    filename: track.filename,
    originalName: track.originalName,
    status: track.status,
    progress: track.status === 'ready' ? 1 : (live?.progress ?? 0),
    /** Spans of time in seconds that are encoded in the main rendition: what can be listened to at once. */
    encoded: track.status === 'ready' ? [[0, durationSeconds(track)]] : (live?.encoded ?? []),
    durationSeconds: durationSeconds(track),
    samples: track.samples,
    sampleRate: track.sampleRate,
    channels: track.channels,
    renditions: track.renditions.map(({ id, codecs, bitRate, bandwidth, averageBandwidth }) => ({
      id,
      codecs,
      bitRate,
      bandwidth,
      averageBandwidth,
    })),
    source: track.source,
    storedBytes: track.status === 'ready' ? track.storedBytes : track.source.bytes + (live?.storedBytes ?? 0),
    uploadedAt: track.uploadedAt,
    ...(track.truncated && { truncated: track.truncated }),
    ...(track.declaredSeconds !== null && { declaredSeconds: track.declaredSeconds }),
    ...(track.error && { error: track.error }),
  };
}

/** From the moment that the first segment of every rendition is stored; but for bit rates the manifest is final from then on. */
export function isPlayable(track: Track, live: EncodingProgress | undefined): boolean {
  return track.status === 'ready' || (track.status === 'processing' && live?.isPlayable === true);
}
