/** Finds the first audio frame of a file that begins with something else. Pure. */

import type { Opening } from '../tracks/track.ts';
import { flacFrameEnd, isFlacFrameHeader } from './flac-frame.ts';
import { type FrameHeader, readAdtsHeader, readMpegHeader } from './mpeg-frame.ts';

/** How far the first frame may be from the beginning. */
export const MAX_GARBAGE_BYTES = 256 * 1024;
/** Frames in a row that cannot be chance: each repeats 19 bits of the one before, at the byte that this one gives. */
const CONSECUTIVE_FRAMES = 3;
/** A FLAC frame of 4,096 samples of two channels of 24 bits has 24 kB. */
const MAX_FLAC_FRAME_BYTES = 64 * 1024;
/** The most bytes whose checksum is computed, for files made to look like nothing but frame headers: 30 ms. */
const MAX_CHECKED_BYTES = 4 * 1024 * 1024;
const STREAMINFO_BYTES = 34;

export interface Head {
  /** The first bytes of a file, or those behind a tag that it begins with. */
  bytes: Buffer;
  /** Whether these are all bytes up to the end of the file. */
  isWhole: boolean;
}

/**
 * Looks for the first frame of MPEG audio, ADTS or FLAC within {@link MAX_GARBAGE_BYTES}, of which two more follow, or
 * one more and then the end.
 *
 * @returns where it is, counted from the first of the bytes.
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

/** The end of the file, or of its audio: an ID3v1 or an APE tag. */
function isEnd(bytes: Buffer, at: number): boolean {
  const tag = bytes.toString('latin1', at, at + 8);
  return at === bytes.length || (at === bytes.length - 128 && tag.startsWith('TAG')) || tag === 'APETAGEX';
}

/** `fLaC` and STREAMINFO (RFC 9639 sections 8.1 and 8.2): block sizes of at least 16, and a sample rate. */
function isFlacMarker(bytes: Buffer, at: number): boolean {
  const info = at + 8;
  if (bytes.toString('latin1', at, at + 4) !== 'fLaC' || info + STREAMINFO_BYTES > bytes.length) return false;
  const [type = 0, ...size] = bytes.subarray(at + 4, info);
  const isStreamInfo = (type & 0x7f) === 0 && size.join() === `0,0,${STREAMINFO_BYTES}`;
  const sampleRate = bytes.readUIntBE(info + 10, 3) >> 4;
  return isStreamInfo && bytes.readUInt16BE(info) >= 16 && sampleRate > 0;
}

/**
 * Bytes of the first frame where it is a Xing, Info or VBRI header: it counts the frames of the file that it was
 * written for, which began with it.
 */
function vbrHeaderBytes(bytes: Buffer, at: number): number {
  const frame = bytes.subarray(at, at + (readMpegHeader(bytes, at)?.bytes ?? 0)).toString('latin1', 0, 48);
  return /^.{13,36}(Xing|Info|VBRI)/s.test(frame) ? (readMpegHeader(bytes, at)?.bytes ?? 0) : 0;
}
