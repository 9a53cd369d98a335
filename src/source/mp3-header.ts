/**
 * Reads the length of an MP3 from its Xing/Info header. To find the end of the last packet, ffprobe reads the whole file
 * (0.8 s for ten hours). The header is as good if it counts every byte of the file and its frames fit those bytes.
 */
import { type FileHandle, open } from 'node:fs/promises';
import { readId3v2Bytes } from './id3.ts';
import { readMpegHeader } from './mpeg-frame.ts';

/** ID3v1 is the last 128 bytes (id3.org). */
const ID3V1_BYTES = 128;
/** Delay of a decoder in samples. LAME's padding includes it. */
const DECODER_DELAY = 529;
/** Frame sizes of layer III: 8 kbit/s of MPEG-2 at 24 kHz; 320 kbit/s of MPEG-1 at 32 kHz, padded. */
const MIN_FRAME_BYTES = 24;
const MAX_FRAME_BYTES = 1441;
/** Flags of the Xing header: the fields that follow. */
const HAS_FRAMES = 1;
const HAS_BYTES = 2;
const HAS_TOC = 4;
const HAS_QUALITY = 8;

export interface Mp3Length {
  /** Samples in all frames. */
  samples: number;
  /** Samples at the end that do not belong to the sound. */
  padding: number;
}

/**
 * Resolves with the length by the header. Resolves with null if there is no header, or if it does not describe this file:
 * one that was cut, joined or edited, or whose header is wrong.
 */
export async function mp3HeaderLength(absolutePath: string): Promise<Mp3Length | null> {
  const handle = await open(absolutePath, 'r');
  try {
    const { size } = await handle.stat();
    const start = readId3v2Bytes(await readAt(handle, 0, 10));
    const head = await readAt(handle, start, 2 * MAX_FRAME_BYTES);
    const header = readHeader(head);
    if (!header) return null;
    const isWhole = [0, ID3V1_BYTES].some((tail) => size - start - tail === header.bytes);
    return isWhole && fitsBytes(header, head) ? { samples: header.samples, padding: header.padding } : null;
  } finally {
    await handle.close();
  }
}

interface XingHeader extends Mp3Length {
  /** Frames after the header. */
  frames: number;
  /** Bytes of all frames, including that of the header. */
  bytes: number;
  /** `Info`: all frames have the same bit rate. */
  isConstant: boolean;
}

/** Returns whether the frames fit the bytes: within 2 % at a constant bit rate, else 24 to 1,441 bytes for each frame. */
function fitsBytes({ frames, bytes, isConstant }: XingHeader, head: Buffer): boolean {
  const own = readMpegHeader(head, 0)?.bytes ?? 0;
  const frameBytes = (bytes - own) / frames;
  const second = isConstant ? readMpegHeader(head, own) : undefined;
  if (!second) return frameBytes >= MIN_FRAME_BYTES && frameBytes <= MAX_FRAME_BYTES;
  return Math.abs(frameBytes - second.bytes) <= Math.max(1, 0.02 * second.bytes) + second.bytes / frames;
}

function readHeader(frame: Buffer): XingHeader | undefined {
  const [sync = 0, second = 0, , fourth = 0] = frame;
  const isLayer3 = sync === 0xff && (second & 0xe6) === 0xe2;
  if (!isLayer3) return undefined;
  const isMpeg1 = (second & 0x18) === 0x18;
  const isMono = (fourth & 0xc0) === 0xc0;
  const sideInformation = isMpeg1 ? (isMono ? 17 : 32) : isMono ? 9 : 17;
  let at = 4 + sideInformation;
  const tag = frame.toString('latin1', at, at + 4);
  if (tag !== 'Xing' && tag !== 'Info') return undefined;
  const flags = frame.readUInt32BE(at + 4);
  if (!(flags & HAS_FRAMES) || !(flags & HAS_BYTES)) return undefined;
  const frames = frame.readUInt32BE(at + 8);
  const bytes = frame.readUInt32BE(at + 12);
  at += 16 + (flags & HAS_TOC ? 100 : 0) + (flags & HAS_QUALITY ? 4 : 0);
  // LAME's extension has delay and padding at its byte 21, twelve bits each.
  const extension = frame.readUIntBE(at + 21, 3);
  const padding = Math.max(0, (extension & 0xfff) - DECODER_DELAY);
  return { samples: frames * (isMpeg1 ? 1152 : 576), padding, frames, bytes, isConstant: tag === 'Info' };
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, position);
  return bytesRead === length
    ? buffer
    : Buffer.concat([buffer.subarray(0, bytesRead), Buffer.alloc(length - bytesRead)]);
}
