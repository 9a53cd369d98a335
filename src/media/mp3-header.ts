/**
 * The length of an MP3 by its Xing/Info header. To find where the last packet ends ffprobe reads the whole file (0.8 s
 * for ten hours); a header that knows of every byte of the file knows that as well.
 */
import { type FileHandle, open } from 'node:fs/promises';

/** ID3v1 is the last 128 bytes (id3.org). */
const ID3V1_BYTES = 128;
/** Samples that a decoder is late by; LAME's padding counts from there. */
const DECODER_DELAY = 529;
/** Of the Xing header: which fields follow. */
const HAS_FRAMES = 1;
const HAS_BYTES = 2;
const HAS_TOC = 4;
const HAS_QUALITY = 8;

export interface Mp3Length {
  /** Samples of all frames. */
  samples: number;
  /** Samples at the end that are no part of the sound. */
  padding: number;
}

/** @returns null where there is no such header, or it does not tell of this file as it is (cut, joined, edited). */
export async function mp3HeaderLength(absolutePath: string): Promise<Mp3Length | null> {
  const handle = await open(absolutePath, 'r');
  try {
    const { size } = await handle.stat();
    const start = await firstFrame(handle);
    const frame = await readAt(handle, start, 256);
    const header = readHeader(frame);
    if (!header) return null;
    const isWhole = [0, ID3V1_BYTES].some((tail) => size - start - tail === header.bytes);
    return isWhole ? { samples: header.samples, padding: header.padding } : null;
  } finally {
    await handle.close();
  }
}

/** Where the first frame is: behind an ID3v2 tag, if there is one (id3v2.4.0 section 3.1). */
async function firstFrame(handle: FileHandle): Promise<number> {
  const head = await readAt(handle, 0, 10);
  if (head.toString('latin1', 0, 3) !== 'ID3') return 0;
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(6);
  // Four times seven bits.
  return 10 + ((a << 21) | (b << 14) | (c << 7) | d);
}

function readHeader(frame: Buffer): (Mp3Length & { bytes: number }) | undefined {
  const [sync = 0, second = 0, , fourth = 0] = frame;
  const isLayer3 = sync === 0xff && (second & 0xe6) === 0xe2;
  if (!isLayer3) return undefined;
  const isMpeg1 = (second & 0x18) === 0x18;
  const isMono = (fourth & 0xc0) === 0xc0;
  const sideInformation = isMpeg1 ? (isMono ? 17 : 32) : isMono ? 9 : 17;
  let at = 4 + sideInformation;
  if (!['Xing', 'Info'].includes(frame.toString('latin1', at, at + 4))) return undefined;
  const flags = frame.readUInt32BE(at + 4);
  if (!(flags & HAS_FRAMES) || !(flags & HAS_BYTES)) return undefined;
  const frames = frame.readUInt32BE(at + 8);
  const bytes = frame.readUInt32BE(at + 12);
  at += 16 + (flags & HAS_TOC ? 100 : 0) + (flags & HAS_QUALITY ? 4 : 0);
  // LAME's extension: delay and padding, twelve bits each, 21 bytes into it.
  const extension = at + 24 <= frame.length ? frame.readUIntBE(at + 21, 3) : 0;
  const padding = Math.max(0, (extension & 0xfff) - DECODER_DELAY);
  return { samples: frames * (isMpeg1 ? 1152 : 576), padding, bytes };
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return bytesRead === length
    ? buffer
    : Buffer.concat([buffer.subarray(0, bytesRead), Buffer.alloc(length - bytesRead)]);
}
