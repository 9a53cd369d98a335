/**
 * Limits the Vorbis comments of FLAC and Ogg files. ffmpeg compares each comment with all before it, in every process that
 * opens the file: 10,000 take 0.05 s, 300,000 take half a minute.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { errors } from '../errors.ts';
import { readId3v2Bytes } from './id3.ts';

/** Most comments that are accepted. Real files have less than a thousand. */
const MAX_COMMENTS = 10_000;
/** Bytes that are searched in an Ogg file: the comments of up to a hundred streams begin there. */
const OGG_HEAD_BYTES = 64 * 1024;
/** First bytes of comment headers (Vorbis I section 4.2.1, RFC 7845 section 5.2). */
const OGG_COMMENT_HEADERS = ['\x03vorbis', 'OpusTags'];
/** Block type and flag of FLAC (RFC 9639 sections 8.1 and 8.6). */
const VORBIS_COMMENT_BLOCK = 4;
const LAST_BLOCK = 0x80;
const MAX_BLOCKS = 200;

/** Counts the comments. @throws {AppError} 415 when there are so many that ffmpeg would take too long to read them. */
export async function assertFewComments(absolutePath: string): Promise<void> {
  const handle = await open(absolutePath, 'r');
  try {
    const start = readId3v2Bytes(await readAt(handle, 0, 10));
    const magic = (await readAt(handle, start, 4)).toString('latin1');
    const positions =
      magic === 'fLaC' ? await inFlac(handle, start) : magic === 'OggS' ? await inOgg(handle) : [];
    for (const at of positions) {
      // The name of the vendor, and then the number of comments (Vorbis I section 5.2.1).
      const vendorBytes = (await readAt(handle, at, 4)).readUInt32LE();
      const count = (await readAt(handle, at + 4 + vendorBytes, 4)).readUInt32LE();
      if (count > MAX_COMMENTS) throw tooMany(count);
    }
  } finally {
    await handle.close();
  }
}

/** Resolves with the offsets of the contents of comment blocks. */
async function inFlac(handle: FileHandle, start: number): Promise<number[]> {
  const found: number[] = [];
  let at = start + 4;
  for (let blocks = 0; blocks < MAX_BLOCKS; blocks++) {
    const header = await readAt(handle, at, 4);
    const type = header[0] ?? 0;
    if ((type & ~LAST_BLOCK) === VORBIS_COMMENT_BLOCK) found.push(at + 4);
    if (type & LAST_BLOCK) break;
    at += 4 + header.readUIntBE(1, 3);
  }
  return found;
}

async function inOgg(handle: FileHandle): Promise<number[]> {
  const head = (await readAt(handle, 0, OGG_HEAD_BYTES)).toString('latin1');
  return OGG_COMMENT_HEADERS.flatMap((magic) => {
    const at = head.indexOf(magic);
    return at === -1 ? [] : [at + magic.length];
  });
}

/** Reads bytes at a position; zeros stand for bytes after the end of the file. */
async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  await handle.read(buffer, 0, length, position);
  return buffer;
}

function tooMany(count: number) {
  return errors.unsupportedMedia(
    `This file declares ${count} comments, and at most ${MAX_COMMENTS} are accepted. Remove its tags and send it again.`,
  );
}
