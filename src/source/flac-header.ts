/** Reads the header of a FLAC file (RFC 9639 section 8). Pure. */

/** Offset of the end of the STREAMINFO block. */
export const STREAMINFO_END = 42;

/** Returns the total samples by STREAMINFO (section 8.2); 0 if the encoder did not know them. */
export function readTotalSamples(head: Buffer): number {
  // 36 bits; the first four share a byte with the bits per sample.
  return ((head[21] ?? 0) & 0x0f) * 2 ** 32 + head.readUInt32BE(22);
}
