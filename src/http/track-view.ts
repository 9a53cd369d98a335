/** Presents tracks as the API returns them. */
import type { Encoder, EncodingProgress } from '../encoding/encoder.ts';
import type { Library } from '../library/library.ts';
import { replayGainOf } from '../tracks/replay-gain.ts';
import { durationSeconds, type Track } from '../tracks/track.ts';
import type { SignedLinks } from './access/signed-links.ts';
import type { StreamLinks } from './openapi/schemas.ts';
import type { TagsView, TrackView } from './openapi/track-schema.ts';

/** Presents tracks, with addresses that clients can use. */
export interface Presenter {
  /** Presents a track; its album counts as it was read last. */
  view(track: Track): TrackView;
  /** Presents a track, with its album as it is now. */
  viewNow(track: Track): Promise<TrackView>;
  fileUrl(filename: string): string;
  /** Returns the addresses of a stream. @param seconds until signed addresses expire; about a day by default. */
  links(track: Track, seconds?: number): StreamLinks;
  /** Returns the address of a page of the list. */
  listUrl(query: URLSearchParams): string;
}

/**
 * Creates a presenter.
 *
 * @param publicUrl address of the server for clients, without a slash at its end; empty for the root.
 */
export function createPresenter(
  { encoder, library }: { encoder: Encoder; library: Pick<Library, 'albumOf' | 'readAlbums'> },
  links: SignedLinks,
  publicUrl: string,
): Presenter {
  const linksTo = (track: Track, seconds?: number): StreamLinks => {
    const { path, expiresAt } = links.to(track, seconds);
    const [manifestUrl, hlsUrl] = [`${publicUrl}${path}/manifest`, `${publicUrl}${path}/master.m3u8`];
    return { manifestUrl, hlsUrl, expiresAt: expiresAt?.toISOString() ?? null };
  };
  const view = (track: Track): TrackView => {
    const progress = encoder.progressOf(track.filename);
    const base = `${publicUrl}${links.to(track).path}`;
    const canPlay = isPlayable(track, progress);
    return {
      ...viewTrack(track, progress),
      manifestUrl: canPlay ? `${base}/manifest` : null,
      hlsUrl: canPlay ? `${base}/master.m3u8` : null,
      coverUrl: track.cover && `${base}/cover?v=${track.cover.hash}`,
      chaptersUrl: track.chapters.length > 0 ? `${base}/chapters.json` : null,
      replayGain: replayGainOf(track, library.albumOf(track)),
      waveformUrl: isAnalysed(track) ? `${base}/waveform.dat` : null,
      pausesUrl: isAnalysed(track) ? `${base}/pauses` : null,
    };
  };
  return {
    links: linksTo,
    view,
    async viewNow(track) {
      await library.readAlbums([track]);
      return view(track);
    },
    fileUrl: (filename) => `${publicUrl}/files/${encodeURIComponent(filename)}`,
    listUrl: (query) => `${publicUrl}/files?${query}`,
  };
}

const NO_TAGS: TagsView = {
  title: null,
  artist: null,
  album: null,
  albumArtist: null,
  composer: null,
  genres: [],
  date: null,
  track: null,
  trackTotal: null,
  disc: null,
  discTotal: null,
  isrc: null,
  language: null,
  comment: null,
};

/** What the presenter adds to what the record says. */
type Added = Extract<keyof TrackView, `${string}Url` | 'replayGain'>;

/** Presents a track. @param progress that of its encode while it is processed; it is newer than the record. */
function viewTrack(track: Track, progress: EncodingProgress | undefined): Omit<TrackView, Added> {
  return {
    name: track.filename,
    filename: track.filename,
    originalName: track.originalName,
    status: track.status,
    progress: track.status === 'ready' ? 1 : (progress?.progress ?? 0),
    encoded: track.status === 'ready' ? [[0, durationSeconds(track)]] : (progress?.encoded ?? []),
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
    storedBytes:
      track.status === 'ready' ? track.storedBytes : track.source.bytes + (progress?.storedBytes ?? 0),
    uploadedAt: track.uploadedAt,
    tags: { ...NO_TAGS, ...track.tags } as TagsView,
    chapters: track.chapters,
    metadata: track.metadata,
    analysis: track.analysis?.status ?? null,
    loudness: track.analysis?.loudness ?? null,
    ...(track.truncated && { truncated: track.truncated }),
    ...(track.declaredSeconds !== null && { declaredSeconds: track.declaredSeconds }),
    ...(track.error && { error: track.error }),
  };
}

function isAnalysed({ analysis }: Track): boolean {
  return analysis?.status === 'done';
}

/**
 * Returns whether a track can be played: the first segment of every rendition is stored. From then on only the bit rates in
 * its manifest change.
 */
export function isPlayable(track: Track, progress: EncodingProgress | undefined): boolean {
  return track.status === 'ready' || (track.status === 'processing' && progress?.isPlayable === true);
}
