/** Reads the packets of a small AVI file (Microsoft RIFF, "AVI RIFF File Reference"): several pictures in one output. Pure. */

/** Id and size of a chunk. */
const HEADER_BYTES = 8;

/** Returns the video packets of an AVI file that ffmpeg has written to a pipe, by the number of their stream. */
export function aviPackets(avi: Buffer): Map<number, Buffer> {
  const packets = new Map<number, Buffer>();
  const list = avi.indexOf('movi');
  if (list < 0) return packets;
  for (let at = list + 4; at + HEADER_BYTES <= avi.length; ) {
    const id = avi.toString('latin1', at, at + 4);
    const bytes = avi.readUInt32LE(at + 4);
    const [, stream] = /^(\d\d)dc$/.exec(id) ?? [];
    const start = at + HEADER_BYTES;
    if (start + bytes > avi.length) break;
    if (stream !== undefined) packets.set(Number(stream), avi.subarray(start, start + bytes));
    // Chunks begin at even places.
    at = start + bytes + (bytes % 2);
  }
  return packets;
}
