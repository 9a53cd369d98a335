/** Decodes text whose encoding the file does not declare. Pure. */

const ASCII = /^[\0-\x7f]*$/;
/** Any character beyond ASCII but the one that stands for wrong bytes. */
const VALID_BEYOND_ASCII = /[^\0-\x7f\ufffd]/;
/** Characters from 0x80 to 0x9f, where it differs from Latin-1. The decoder of Node 20 takes it for Latin-1. */
const WINDOWS_1252 = '€\x81‚ƒ„…†‡ˆ‰Š‹Œ\x8dŽ\x8f\x90‘’“”•–—˜™š›œ\x9džŸ';

/**
 * Decodes bytes of a tag. ffprobe gives UTF-8, but passes on the bytes of ID3v1 and RIFF INFO, which declare no encoding: most
 * are in Windows-1252, of which Latin-1 is a part.
 *
 * @param bytes one character for each byte.
 * @param limit most bytes to decode.
 */
export function decodeTagBytes(bytes: string, limit: number): string {
  if (bytes.length <= limit && ASCII.test(bytes)) return bytes;
  const buffer = Buffer.from(bytes.slice(0, limit), 'latin1');
  // `stream` leaves out a character that the limit has cut.
  const utf8 = new TextDecoder().decode(buffer, { stream: bytes.length > limit });
  if (!utf8.includes('\ufffd') || VALID_BEYOND_ASCII.test(utf8)) return utf8;
  return bytes
    .slice(0, limit)
    .replace(/[\x80-\x9f]/g, (byte) => WINDOWS_1252[byte.charCodeAt(0) - 0x80] ?? byte);
}
