/** Reads and changes the boxes of ISO/IEC 14496-12 that make up a fragmented stream of one audio track. */

export interface Box {
  type: string;
  /** The whole box, its header included. */
  bytes: Buffer;
}

/** Larger than any fragment of audio. */
const MAX_BOX_BYTES = 64 * 1024 * 1024;

/** The stream ended inside a box: the process that wrote it died, or its pipe broke. */
export class TruncatedStreamError extends Error {
  override readonly name = 'TruncatedStreamError';

  /** @param bytes of the last box that arrived. */
  constructor(bytes: number) {
    super(`the stream ended within a box, ${bytes} bytes after its start`);
  }
}

/**
 * Splits a byte stream at its top-level boxes (clause 4.2).
 *
 * @throws {TruncatedStreamError} when the stream ends inside a box.
 * @throws {Error} when the bytes are not boxes.
 */
export async function* readBoxes(stream: AsyncIterable<Buffer>): AsyncGenerator<Box> {
  let chunks: Buffer[] = [];
  let available = 0;
  let wanted = 8;
  for await (const chunk of stream) {
    chunks.push(chunk);
    available += chunk.length;
    while (available >= wanted) {
      const bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, available);
      const size = boxSize(bytes);
      if (bytes.length < size) {
        chunks = [bytes];
        wanted = size;
        break;
      }
      // Copied out, so that a kept segment does not keep the whole chunk it came in.
      yield { type: boxType(bytes, 0), bytes: Buffer.from(bytes.subarray(0, size)) };
      chunks = [bytes.subarray(size)];
      available -= size;
      wanted = 8;
    }
  }
  if (available > 0) throw new TruncatedStreamError(available);
}

function boxSize(bytes: Buffer): number {
  const size = bytes.readUInt32BE(0);
  if (size < 8 || size > MAX_BOX_BYTES) {
    throw new Error(`a box of ${size} bytes where an MP4 box should be`);
  }
  return size;
}

function boxType(bytes: Buffer, offset: number): string {
  return bytes.toString('latin1', offset + 4, offset + 8);
}

/** Returns the offset of the first child of that type between the two offsets, and the offset of its end. */
function findChild(bytes: Buffer, type: string, from: number, until: number): { start: number; end: number } {
  for (let start = from; start + 8 <= until; ) {
    const end = start + bytes.readUInt32BE(start);
    if (end > until || end < start + 8) break;
    if (boxType(bytes, start) === type) return { start, end };
    start = end;
  }
  throw new Error(`a movie fragment without a "${type}" box`);
}

/** Description of samples by their movie fragment (`moof`, clause 8.8.4). */
export interface Fragment {
  sequenceNumber: number;
  /** `tfdt`: samples of media time before the first one (clause 8.8.12). */
  decodeTime: number;
  /** AAC frames */
  frames: number;
  /** Samples of media time in all. */
  duration: number;
}

const TFHD_BASE_DATA_OFFSET = 0x1;
const TFHD_DESCRIPTION_INDEX = 0x2;
const TFHD_DEFAULT_DURATION = 0x8;
const TRUN_DATA_OFFSET = 0x1;
const TRUN_FIRST_SAMPLE_FLAGS = 0x4;
const TRUN_DURATION = 0x100;
/** Flags of a `trun` that each add four bytes to every sample: duration, size, flags, composition offset. */
const TRUN_PER_SAMPLE = [0x100, 0x200, 0x400, 0x800];

/**
 * Reads a movie fragment.
 *
 * @param moof a `moof` box with one track and one run.
 * @throws {Error} when a box that it needs is missing.
 */
export function readFragment(moof: Buffer): Fragment {
  const { mfhd, tfhd, tfdt, trun } = fragmentBoxes(moof);

  let offset = tfhd.start + 16;
  const tfhdFlags = moof.readUIntBE(tfhd.start + 9, 3);
  if (tfhdFlags & TFHD_BASE_DATA_OFFSET) offset += 8;
  if (tfhdFlags & TFHD_DESCRIPTION_INDEX) offset += 4;
  const defaultDuration = tfhdFlags & TFHD_DEFAULT_DURATION ? moof.readUInt32BE(offset) : 0;

  const trunFlags = moof.readUIntBE(trun.start + 9, 3);
  const frames = moof.readUInt32BE(trun.start + 12);
  let duration = frames * defaultDuration;
  if (trunFlags & TRUN_DURATION) {
    let sample = trun.start + 16;
    if (trunFlags & TRUN_DATA_OFFSET) sample += 4;
    if (trunFlags & TRUN_FIRST_SAMPLE_FLAGS) sample += 4;
    const stride = 4 * TRUN_PER_SAMPLE.filter((present) => trunFlags & present).length;
    duration = 0;
    for (let n = 0; n < frames; n++) duration += moof.readUInt32BE(sample + n * stride);
  }
  return {
    sequenceNumber: moof.readUInt32BE(mfhd.start + 12),
    decodeTime: readDecodeTime(moof, tfdt.start),
    frames,
    duration,
  };
}

/**
 * Moves a fragment to another place on the timeline, in place.
 *
 * @param at its decode time in samples, and its sequence number.
 */
export function placeFragment(moof: Buffer, at: { decodeTime: number; sequenceNumber: number }): void {
  const { mfhd, tfdt } = fragmentBoxes(moof);
  moof.writeUInt32BE(at.sequenceNumber, mfhd.start + 12);
  if (isVersion1(moof, tfdt.start)) moof.writeBigUInt64BE(BigInt(at.decodeTime), tfdt.start + 12);
  else moof.writeUInt32BE(at.decodeTime, tfdt.start + 12);
}

function fragmentBoxes(moof: Buffer) {
  const mfhd = findChild(moof, 'mfhd', 8, moof.length);
  const traf = findChild(moof, 'traf', 8, moof.length);
  const inTraf = (type: string) => findChild(moof, type, traf.start + 8, traf.end);
  return { mfhd, tfhd: inTraf('tfhd'), tfdt: inTraf('tfdt'), trun: inTraf('trun') };
}

function isVersion1(bytes: Buffer, boxStart: number): boolean {
  return bytes[boxStart + 8] === 1;
}

function readDecodeTime(moof: Buffer, tfdtStart: number): number {
  return isVersion1(moof, tfdtStart)
    ? Number(moof.readBigUInt64BE(tfdtStart + 12))
    : moof.readUInt32BE(tfdtStart + 12);
}

/** Returns whether bytes are top-level boxes from the first byte to the last. A segment that was cut is not. */
export function isWholeSegment(bytes: Buffer): boolean {
  let offset = 0;
  while (offset + 8 <= bytes.length) {
    const size = bytes.readUInt32BE(offset);
    if (size < 8) return false;
    offset += size;
  }
  const first = bytes.toString('latin1', 4, 8);
  return offset === bytes.length && (first === 'ftyp' || first === 'moof');
}
