/** Reads the header of a WAV file (RIFF, "Multimedia Programming Interface and Data Specifications 1.0"). */
import { open } from 'node:fs/promises';

/** A header with a picture or a long comment in front of the sound is rare; such a file is not read further. */
const HEADER_BYTES = 64 * 1024;
const CHUNK_HEADER_BYTES = 8;

/**
 * Resolves with the declared bytes of the first "data" chunk, or with null where there is none in the first 64 KiB, or the file
 * is no RIFF WAVE.
 */
export async function firstDataBytes(absolutePath: string): Promise<number | null> {
  const header = await headerOf(absolutePath);
  if (header.toString('latin1', 0, 4) !== 'RIFF' || header.toString('latin1', 8, 12) !== 'WAVE') return null;
  for (let at = 12; at + CHUNK_HEADER_BYTES <= header.length; ) {
    const size = header.readUInt32LE(at + 4);
    if (header.toString('latin1', at, at + 4) === 'data') return size;
    // Chunks begin at even places.
    at += CHUNK_HEADER_BYTES + size + (size % 2);
  }
  return null;
}

async function headerOf(absolutePath: string): Promise<Buffer> {
  const handle = await open(absolutePath, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
