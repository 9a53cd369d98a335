/** Finds the first audio frame of a file that begins with other bytes. Pure. */
import type { Opening } from '../tracks/track.ts';
import { flacFrameEnd, isFlacFrameHeader } from './flac-frame.ts';
import { type FrameHeader, readAdtsHeader, readMpegHeader } from './mpeg-frame.ts';

/** Largest offset of the first frame. */
export const MAX_GARBAGE_BYTES = 256 * 1024;
/**
 * Consecutive frames that rule out chance: each repeats 19 bits of the frame before it, at the byte where that frame ends.
 */
const CONSECUTIVE_FRAMES = 3;
/** Most bytes of a FLAC frame. 4,096 samples of two channels of 24 bits have 24 kB. */
const MAX_FLAC_FRAME_BYTES = 64 * 1024;
/** Most bytes to compute checksums of: 30 ms. A hostile file may consist of nothing but frame headers. */
const MAX_CHECKED_BYTES = 4 * 1024 * 1024;
const STREAMINFO_BYTES = 34;

/** The beginning of a file. */
export interface Head {
  /** The first bytes of a file, or those after a tag at its beginning. */
  bytes: Buffer;
  /** True if these bytes reach the end of the file. */
  isWhole: boolean;
}

/**
 * Finds the first frame of MPEG audio, ADTS or FLAC within {@link MAX_GARBAGE_BYTES}. Two more frames must follow it, or
 * one more and the end of the file.
 *
 * @returns the demuxer, and the offset in `head.bytes`.
 */
export function findFirstFrame(head: Head): Opening | undefined {
  const { bytes } = head;
  let unchecked = MAX_CHECKED_BYTES;
  const flacChain = (start: number): boolean => {
    let at = start;
    for (let frames = 1; frames < CONSECUTIVE_FRAMES; frames++) {
      const limit = Math.min(bytes.length, at + Math.min(unchecked, MAX_FLAC_FRAME_BYTES));
      const end = flacFrameEnd(bytes, at, limit);
      unchecked -= (end ?? limit) - at;
      if (end === undefined) return false;
      if (end === bytes.length) return head.isWhole && frames > 1;
      at = end;
    }
    return true;
  };

  const last = Math.min(MAX_GARBAGE_BYTES, bytes.length - 1);
  for (let at = 0; at <= last; at++) {
    if (bytes[at] === 0x66 && isFlacMarker(bytes, at)) return { demuxer: 'flac', startByte: at };
    if (bytes[at] !== 0xff) continue;
    if (isFlacFrameHeader(bytes, at) && flacChain(at)) return { demuxer: 'flac', startByte: at };
    if (isChain(head, at, readAdtsHeader)) return { demuxer: 'aac', startByte: at };
    if (isChain(head, at, readMpegHeader)) {
      return { demuxer: 'mp3', startByte: at + vbrHeaderBytes(bytes, at) };
    }
  }
  return undefined;
}

function isChain(
  { bytes, isWhole }: Head,
  start: number,
  read: (bytes: Buffer, at: number) => FrameHeader | undefined,
): boolean {
  const first = read(bytes, start);
  if (!first) return false;
  let at = start + first.bytes;
  for (let frames = 1; frames < CONSECUTIVE_FRAMES; frames++) {
    if (frames > 1 && isWhole && isEnd(bytes, at)) return true;
    const next = read(bytes, at);
    if (next?.constantBits !== first.constantBits) return false;
    at += next.bytes;
  }
  return true;
}

/** Returns whether the audio ends at `at`: at the end of the file, or at an ID3v1 or an APE tag. */
function isEnd(bytes: Buffer, at: number): boolean {
  const tag = bytes.toString('latin1', at, at + 8);
  return at === bytes.length || (at === bytes.length - 128 && tag.startsWith('TAG')) || tag === 'APETAGEX';
}

/**
 * Returns whether `fLaC` and a plausible STREAMINFO begin at `at` (RFC 9639 sections 8.1 and 8.2): block sizes of at least
 * 16, and a sample rate.
 */
function isFlacMarker(bytes: Buffer, at: number): boolean {
  const info = at + 8;
  if (bytes.toString('latin1', at, at + 4) !== 'fLaC' || info + STREAMINFO_BYTES > bytes.length) return false;
  const [type = 0, ...size] = bytes.subarray(at + 4, info);
  const isStreamInfo = (type & 0x7f) === 0 && size.join() === `0,0,${STREAMINFO_BYTES}`;
  const sampleRate = bytes.readUIntBE(info + 10, 3) >> 4;
  return isStreamInfo && bytes.readUInt16BE(info) >= 16 && sampleRate > 0;
}

/**
 * Returns the bytes of the first frame if it is a Xing, Info or VBRI header, else 0. Such a header is skipped, for it
 * counts the frames of the file that it was written for, not of this one.
 */
function vbrHeaderBytes(bytes: Buffer, at: number): number {
  const frame = bytes.subarray(at, at + (readMpegHeader(bytes, at)?.bytes ?? 0)).toString('latin1', 0, 48);
  return /^.{13,36}(Xing|Info|VBRI)/s.test(frame) ? (readMpegHeader(bytes, at)?.bytes ?? 0) : 0;
}
