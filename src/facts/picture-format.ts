/** Recognises pictures by their first bytes, whatever their name or media type says. Pure. */

/** Formats of pictures that clients may send. */
const FORMATS = [
  { demuxer: 'jpeg_pipe', isOf: (bytes: Buffer) => startsWith(bytes, 'ffd8ff') },
  { demuxer: 'png_pipe', isOf: (bytes: Buffer) => startsWith(bytes, '89504e470d0a1a0a') },
  {
    demuxer: 'webp_pipe',
    isOf: (bytes: Buffer) => startsWith(bytes, '52494646') && startsWith(bytes.subarray(8), '57454250'),
  },
] as const;

/** Returns the demuxer of ffmpeg for a picture; undefined for what is no JPEG, PNG or WebP. */
export function pictureDemuxer(bytes: Buffer): string | undefined {
  return FORMATS.find(({ isOf }) => isOf(bytes))?.demuxer;
}

function startsWith(bytes: Buffer, hex: string): boolean {
  return bytes.toString('hex', 0, hex.length / 2) === hex;
}
