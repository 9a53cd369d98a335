/** Reads the length of an ID3v2 tag (id3v2.4.0 section 3.1). Pure. */

const HEADER_BYTES = 10;
const HAS_FOOTER = 0x10;

/** Returns the bytes of the tag that begins with these ten bytes, header and footer included; 0 if there is no tag. */
export function readId3v2Bytes(header: Buffer): number {
  if (header.length < HEADER_BYTES || header.toString('latin1', 0, 3) !== 'ID3') return 0;
  const [flags = 0, a = 0, b = 0, c = 0, d = 0] = header.subarray(5);
  // Four bytes of seven bits each (section 6.2).
  const size = ((a & 0x7f) << 21) | ((b & 0x7f) << 14) | ((c & 0x7f) << 7) | (d & 0x7f);
  return HEADER_BYTES + size + (flags & HAS_FOOTER ? HEADER_BYTES : 0);
}
