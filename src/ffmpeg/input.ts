/** Options with which ffmpeg and ffprobe open one file of the server, and nothing else. Pure. */
import type { Opening } from '../tracks/track.ts';

/**
 * Containers that are read. Playlists and other text formats (hls, concat, dash, sdp, tty, ...) are not among them, so a file
 * that names other files or addresses is never followed.
 */
const DEMUXERS = [
  'aac,ac3,aiff,amr,ape,asf,au,avi,caf,dts,eac3,flac,flv,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,tta,w64,wav,wv',
].join(',');

/** Options before `-i`. */
export const INPUT_OPTIONS = [
  ...['-protocol_whitelist', 'file,pipe', '-format_whitelist', DEMUXERS],
  ...['-max_streams', '100', '-probesize', '5000000', '-analyzeduration', '5000000'],
  // Limits one allocation.
  ...['-max_alloc', '536870912'],
] as const;

/** The index of a day of M4A: 4 million packets of 24 bytes, and room to grow by a sixteenth. */
const INDEX_BYTES_PER_DAY = 128 * 1024 ** 2;
const MAX_INDEX_BYTES = 512 * 1024 ** 2;
const DAY_SECONDS = 86_400;

/** Returns the bytes that ffmpeg needs for the index of the longest audio. */
export function indexBytes(maxDurationSeconds: number): number {
  return Math.min(MAX_INDEX_BYTES, Math.ceil(maxDurationSeconds / DAY_SECONDS) * INDEX_BYTES_PER_DAY);
}

/**
 * Returns options before `-i` for files that are not examined yet. ffmpeg does not read an index with more packets than the
 * longest audio has; packets without an entry do not decode.
 */
export function indexOptions(maxDurationSeconds: number): string[] {
  return ['-max_alloc', String(indexBytes(maxDurationSeconds))];
}

/** Returns options before `-i` that set the format and skip the bytes before the first frame. */
export function openingOptions(opening: Opening | null): string[] {
  if (opening === null) return [];
  return ['-f', opening.demuxer, '-skip_initial_bytes', String(opening.startByte)];
}

/** Returns the address of a file of the server. The `file:` keeps ffmpeg from reading a name such as `concat:x` as a protocol. */
export function inputUrl(absolutePath: string): string {
  return `file:${absolutePath}`;
}
