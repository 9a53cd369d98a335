/** Recognises Ogg files of several streams one after the other (RFC 3533 section 4, "chaining"). */
import { createReadStream } from 'node:fs';

const CAPTURE_PATTERN = Buffer.from('OggS\0', 'latin1');
/** Offset of the header type in a page (RFC 3533 section 6). */
const HEADER_TYPE = 5;
const BEGINNING_OF_STREAM = 0x02;

/**
 * Resolves with whether a logical stream begins after the pages of another. Time stamps then start over in the middle, and
 * the end of the file does not give its length. Reads the whole file, at the speed of the disk.
 */
export async function isChainedOgg(absolutePath: string, signal: AbortSignal): Promise<boolean> {
  let sawOtherPage = false;
  let carried: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(absolutePath, { signal, highWaterMark: 1024 * 1024 })) {
    const bytes = Buffer.concat([carried, chunk as Buffer]);
    let page = bytes.indexOf(CAPTURE_PATTERN);
    while (page !== -1 && page + HEADER_TYPE < bytes.length) {
      const begins = ((bytes[page + HEADER_TYPE] ?? 0) & BEGINNING_OF_STREAM) !== 0;
      if (begins && sawOtherPage) return true;
      if (!begins) sawOtherPage = true;
      page = bytes.indexOf(CAPTURE_PATTERN, page + CAPTURE_PATTERN.length);
    }
    // A page header may span two chunks.
    carried = bytes.subarray(page === -1 ? Math.max(0, bytes.length - HEADER_TYPE) : page);
  }
  return false;
}
