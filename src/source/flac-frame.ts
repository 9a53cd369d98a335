/** Recognises FLAC frames by their checksums (RFC 9639 section 9). Pure. */

/** Bytes of a block size or a sample rate after the coded number, by its four bits (sections 9.1.1, 9.1.2). */
const BLOCK_SIZE_WIDTHS: Record<number, number> = { 6: 1, 7: 2 };
const SAMPLE_RATE_WIDTHS: Record<number, number> = { 12: 1, 13: 2, 14: 2 };
const RESERVED_CHANNELS = 11;
const RESERVED_BIT_DEPTH = 3;

/**
 * Returns whether a frame header begins at `at`: the sync code, no reserved value, and a correct CRC-8. By chance one of
 * some ten million positions looks like one.
 */
export function isFlacFrameHeader(bytes: Buffer, at: number): boolean {
  if (bytes[at] !== 0xff || ((bytes[at + 1] ?? 0) & 0xfe) !== 0xf8) return false;
  const [sizeAndRate = 0, channelsAndDepth = 0, number = 0] = bytes.subarray(at + 2, at + 5);
  const blockSize = sizeAndRate >> 4;
  const sampleRate = sizeAndRate & 15;
  if (blockSize === 0 || sampleRate === 15) return false;
  const depth = (channelsAndDepth >> 1) & 7;
  const isReserved =
    channelsAndDepth >> 4 >= RESERVED_CHANNELS ||
    depth === RESERVED_BIT_DEPTH ||
    (channelsAndDepth & 1) !== 0;
  if (isReserved || number === 0xff || (number & 0xc0) === 0x80) return false;
  // As in UTF-8, the leading ones give the number of bytes.
  const numberWidth = number < 0x80 ? 1 : Math.clz32(~(number << 24));
  const width =
    4 + numberWidth + (BLOCK_SIZE_WIDTHS[blockSize] ?? 0) + (SAMPLE_RATE_WIDTHS[sampleRate] ?? 0) + 1;
  return at + width <= bytes.length && crc8(bytes.subarray(at, at + width)) === 0;
}

/**
 * Returns the end of the frame that begins at `at`: the position where its CRC-16 is correct, and another frame header
 * follows or the bytes end. Returns undefined if there is none.
 *
 * @param limit position to stop at.
 */
export function flacFrameEnd(bytes: Buffer, at: number, limit: number): number | undefined {
  let crc = 0;
  for (let end = at; end < limit; end++) {
    // The checksum of bytes followed by their checksum is zero.
    if (crc === 0 && end > at && isFlacFrameHeader(bytes, end)) return end;
    crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ (bytes[end] ?? 0)] ?? 0);
  }
  return crc === 0 && limit === bytes.length ? limit : undefined;
}

function crc8(bytes: Buffer): number {
  return bytes.reduce((crc, byte) => CRC8[crc ^ byte] ?? 0, 0);
}

/** Builds the table of a checksum that takes the highest bit first. */
function crcTable(polynomial: number, bits: number): Uint16Array {
  const [top, mask] = [1 << (bits - 1), 2 ** bits - 1];
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << (bits - 8);
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & top ? polynomial : 0)) & mask;
    return crc;
  });
}

const CRC8 = crcTable(0x07, 8);
const CRC16 = crcTable(0x8005, 16);
