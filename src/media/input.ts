/** How ffmpeg and ffprobe are told to open a file of ours, and nothing else. Pure. */

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
  // One piece of memory; the index of a day of M4A takes 0.1 GB.
  ...['-max_alloc', '536870912'],
] as const;

/** @param absolutePath of a file of ours; `file:` keeps a name such as `concat:x` from being read as a protocol. */
export function inputUrl(absolutePath: string): string {
  return `file:${absolutePath}`;
}
