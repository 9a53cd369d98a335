/** A track as the API shows it. */
import type { Encoder, LiveState } from '../pipeline/encode.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';

export type TrackView = ReturnType<typeof viewTrack>;

/** Shows tracks, with addresses that clients can use. */
export interface Presenter {
  view(track: Track): TrackView;
  fileUrl(filename: string): string;
  /** The address of a page of the list. */
  listUrl(query: URLSearchParams): string;
}

/** @param publicUrl under which clients find the server, without a slash at its end; empty where it is at the root. */
export function createPresenter(encoder: Encoder, publicUrl: string): Presenter {
  return {
    view: (track) => viewTrack(track, encoder.live(track.filename), publicUrl),
    fileUrl: (filename) => `${publicUrl}/files/${encodeURIComponent(filename)}`,
    listUrl: (query) => `${publicUrl}/files?${query}`,
  };
}

/** @param live what is known beyond the record while the track is processed. */
function viewTrack(track: Track, live: LiveState | undefined, publicUrl: string) {
  const streamUrl = (name: string) => `${publicUrl}/stream/${encodeURIComponent(track.filename)}/${name}`;
  return {
    name: track.filename,
    filename: track.filename,
    originalName: track.originalName,
    status: track.status,
    progress: track.status === 'ready' ? 1 : (live?.progress ?? 0),
    /** Spans of time in seconds that are encoded in the main rendition: what can be listened to at once. */
    encoded: track.status === 'ready' ? [[0, durationSeconds(track)]] : (live?.encoded ?? []),
    manifestUrl: isPlayable(track, live) ? streamUrl('manifest') : null,
    hlsUrl: isPlayable(track, live) ? streamUrl('master.m3u8') : null,
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
    ...(track.error && { error: track.error }),
  };
}

/** From the moment that the first segment of every rendition is stored; but for bit rates the manifest is final from then on. */
export function isPlayable(track: Track, live: LiveState | undefined): boolean {
  return track.status === 'ready' || (track.status === 'processing' && live?.isPlayable === true);
}
