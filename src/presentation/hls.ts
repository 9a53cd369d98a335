/** Renders the HLS playlists (RFC 8216) of a track from its record. They list the segments that the MPD lists. Pure. */
import type { Rendition, Track } from '../tracks/track.ts';
import { mainRendition } from './ladder.ts';
import { initSegmentName, mediaSegmentName } from './segment-name.ts';
import { targetSeconds, timelineOf } from './timeline.ts';

/** Version 6 allows `EXT-X-MAP` in playlists with more than I-frames; fragmented MP4 is documented to need 7. */
const VERSION = 7;

/** Last part of the address of chapters for Apple's players. */
export const APPLE_CHAPTERS = 'apple-chapters.json';
/** Names them (section 4.3.4.4). */
const SESSION_CHAPTERS = `#EXT-X-SESSION-DATA:DATA-ID="com.apple.hls.chapters",URI="${APPLE_CHAPTERS}"`;

/** Returns the address of a rendition's playlist, relative to the master playlist. */
function mediaPlaylistName({ id }: Pick<Rendition, 'id'>): string {
  return `${id}.m3u8`;
}

/**
 * Renders the master playlist (section 4.3.4). Players begin with the first rendition in it, so the main one comes first
 * and the others follow by bit rate. The bit rates are estimates until the whole track is encoded, and measured after.
 */
export function renderMasterPlaylist({
  renditions,
  chapters,
}: Pick<Track, 'renditions' | 'chapters'>): string {
  const main = mainRendition(renditions);
  const others = renditions.filter((rendition) => rendition !== main);
  return [
    '#EXTM3U',
    `#EXT-X-VERSION:${VERSION}`,
    '#EXT-X-INDEPENDENT-SEGMENTS',
    ...(chapters.length > 0 ? [SESSION_CHAPTERS] : []),
    ...[main, ...others].flatMap((rendition) => {
      const { bandwidth, averageBandwidth, bitRate, codecs } = rendition;
      const rates = `BANDWIDTH=${bandwidth},AVERAGE-BANDWIDTH=${averageBandwidth ?? bitRate}`;
      return [`#EXT-X-STREAM-INF:${rates},CODECS="${codecs}"`, mediaPlaylistName(rendition)];
    }),
    '',
  ].join('\n');
}

/**
 * Renders the media playlist of a rendition (section 4.3.3). `EXTINF` is media time, priming samples included: with a
 * first segment that is 1,024 samples shorter, hls.js is that much off after any start but 0.
 *
 * @param segmentBase path from the playlist to the folder of the segments, with its last slash.
 */
export function renderMediaPlaylist(track: Track, rendition: Rendition, segmentBase: string): string {
  const timeline = timelineOf(track);
  const durations = Array.from(
    { length: timeline.segmentCount },
    (_, index) => timeline.media(index).duration / track.sampleRate,
  );
  return [
    '#EXTM3U',
    `#EXT-X-VERSION:${VERSION}`,
    `#EXT-X-TARGETDURATION:${targetSeconds(timeline)}`,
    '#EXT-X-PLAYLIST-TYPE:VOD',
    '#EXT-X-INDEPENDENT-SEGMENTS',
    `#EXT-X-MAP:URI="${segmentBase}${initSegmentName(rendition)}"`,
    ...durations.flatMap((seconds, index) => [
      `#EXTINF:${seconds.toFixed(9)},`,
      segmentBase + mediaSegmentName(rendition, index),
    ]),
    '#EXT-X-ENDLIST',
    '',
  ].join('\n');
}
