/** A track as the API shows it. */
import type { LiveState } from '../pipeline/encode.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';

export type TrackView = ReturnType<typeof viewTrack>;

/** @param live what is known beyond the record while the track is processed. */
export function viewTrack(track: Track, live: LiveState | undefined) {
  return {
    name: track.filename,
    filename: track.filename,
    originalName: track.originalName,
    status: track.status,
    progress: track.status === 'ready' ? 1 : (live?.progress ?? 0),
    manifestUrl: isPlayable(track) ? manifestUrl(track.filename) : null,
    durationSeconds: durationSeconds(track),
    samples: track.samples,
    sampleRate: track.sampleRate,
    channels: track.channels,
    renditions: track.renditions.map(({ id, codecs, bitRate, bandwidth }) => ({
      id,
      codecs,
      bitRate,
      bandwidth,
    })),
    source: track.source,
    storedBytes: track.status === 'ready' ? track.storedBytes : track.source.bytes + (live?.storedBytes ?? 0),
    uploadedAt: track.uploadedAt,
    ...(track.error && { error: track.error }),
  };
}

export function isPlayable(track: Track): boolean {
  return track.status === 'ready';
}

export function manifestUrl(filename: string): string {
  return `/stream/${encodeURIComponent(filename)}/manifest`;
}

export function fileUrl(filename: string): string {
  return `/files/${encodeURIComponent(filename)}`;
}
