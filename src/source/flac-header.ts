/** The header of a FLAC file (RFC 9639 section 8). Pure. */

/** Bytes of a FLAC file up to the end of its STREAMINFO block. */
export const STREAMINFO_END = 42;

/** @returns the total samples by STREAMINFO (section 8.2); 0 where the encoder did not know them. */
export function readTotalSamples(head: Buffer): number {
  // 36 bits, of which the first four share a byte with the bits per sample.
  return ((head[21] ?? 0) & 0x0f) * 2 ** 32 + head.readUInt32BE(22);
}
