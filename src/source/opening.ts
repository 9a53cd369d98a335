/** Finds the audio in a file that ffmpeg does not recognise. */
import { type FileHandle, open } from 'node:fs/promises';
import type { Opening } from '../tracks/track.ts';
import { findFirstFrame, MAX_GARBAGE_BYTES } from './first-frame.ts';
import { readId3v2Bytes } from './id3.ts';

/** Bytes to search: three large frames after the longest garbage. */
const HEAD_BYTES = 2 * MAX_GARBAGE_BYTES;
/**
 * First bytes of known containers. A container that ffmpeg cannot read is broken, and the bytes before its frames are not
 * garbage.
 */
const MAGIC = [
  ...['fLaC', 'OggS', 'RIFF', 'RIFX', 'RF64', 'FORM', 'caff', '.snd', 'wvpk', 'MAC ', 'MPCK', 'MP+', 'TTA1'],
  // Matroska and ASF.
  ...['1a45dfa3', '3026b275'].map((hex) => Buffer.from(hex, 'hex').toString('latin1')),
];
/** Types of the first box of an MP4 or a QuickTime file. */
const FIRST_BOXES = ['ftyp', 'moov', 'mdat', 'free', 'skip', 'wide'];
/** Most tags to skip. Some editors put a second tag before the first. */
const MAX_TAGS = 4;

/** Resolves with the place of the first audio frame near the beginning, after any ID3v2 tags; null if there is none. */
export async function findOpening(absolutePath: string): Promise<Opening | null> {
  const handle = await open(absolutePath, 'r');
  try {
    const { size } = await handle.stat();
    const start = await behindTags(handle, size);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, start);
    const bytes = buffer.subarray(0, bytesRead);
    if (isContainer(bytes)) return null;
    const found = findFirstFrame({ bytes, isWhole: start + bytesRead >= size });
    return found ? { ...found, startByte: start + found.startByte } : null;
  } finally {
    await handle.close();
  }
}

async function behindTags(handle: FileHandle, size: number): Promise<number> {
  let at = 0;
  for (let tags = 0; tags < MAX_TAGS; tags++) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(10), 0, 10, at);
    const tagBytes = readId3v2Bytes(buffer.subarray(0, bytesRead));
    // A tag cannot be longer than its file: treat it as garbage.
    if (tagBytes === 0 || at + tagBytes >= size) return at;
    at += tagBytes;
  }
  return at;
}

function isContainer(bytes: Buffer): boolean {
  const magic = bytes.toString('latin1', 0, 4);
  return (
    MAGIC.some((known) => magic.startsWith(known)) || FIRST_BOXES.includes(bytes.toString('latin1', 4, 8))
  );
}
