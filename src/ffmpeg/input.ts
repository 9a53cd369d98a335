/** How ffmpeg and ffprobe are told to open a file of ours, and nothing else. Pure. */
import type { Opening } from '../tracks/track.ts';

/**
 * Containers that are read. Playlists and other text formats (hls, concat, dash, sdp, tty, ...) are not among them: a
 * file that names other files or addresses is never followed.
 */
const DEMUXERS = [
  'aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,tta,w64,wav,wv',
].join(',');

/** Options before `-i`. */
export const INPUT_OPTIONS = [
  ...['-protocol_whitelist', 'file,pipe', '-format_whitelist', DEMUXERS],
  ...['-max_streams', '100', '-probesize', '5000000', '-analyzeduration', '5000000'],
  // One piece of memory.
  ...['-max_alloc', '536870912'],
] as const;

/** The index of a day of M4A: 4 million packets of 24 bytes, and room to grow by a sixteenth. */
const INDEX_BYTES_PER_DAY = 128 * 1024 ** 2;
const MAX_INDEX_BYTES = 512 * 1024 ** 2;
const DAY_SECONDS = 86_400;

/** What ffmpeg takes for the index of the longest audio. */
export function indexBytes(maxDurationSeconds: number): number {
  return Math.min(MAX_INDEX_BYTES, Math.ceil(maxDurationSeconds / DAY_SECONDS) * INDEX_BYTES_PER_DAY);
}

/**
 * Options before `-i`, for files that were not examined yet: an index that names more packets than the longest audio has
 * is not read. Packets that are not there do not decode.
 */
export function indexOptions(maxDurationSeconds: number): string[] {
  return ['-max_alloc', String(indexBytes(maxDurationSeconds))];
}

/** Options before `-i`: ffmpeg does not guess the format, and sees nothing of what is before the first frame. */
export function openingOptions(opening: Opening | null): string[] {
  if (opening === null) return [];
  return ['-f', opening.demuxer, '-skip_initial_bytes', String(opening.startByte)];
}

/** @param absolutePath of a file of ours; `file:` keeps a name such as `concat:x` from being read as a protocol. */
export function inputUrl(absolutePath: string): string {
  return `file:${absolutePath}`;
}
