/** Boxes of ISO/IEC 14496-12 made by hand, and whole streams of them such as a run of ffmpeg writes. */
import { FRAME_SAMPLES, type Timeline } from '../../src/presentation/timeline.ts';

export const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const u64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

export function box(type: string, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([u32(8 + body.length), Buffer.from(type, 'latin1'), body]);
}

/** A box with a version and 24 flags. */
function fullBox(type: string, version: number, flags: number, ...content: Buffer[]): Buffer {
  return box(type, u32(version * 2 ** 24 + flags), ...content);
}

export interface MoofShape {
  sequenceNumber: number;
  decodeTime: number;
  frames: number;
  tfdtVersion?: 0 | 1;
  /** Optional fields of `tfhd` (clause 8.8.7), in the order in which they stand. */
  tfhd?: {
    baseDataOffset?: number;
    descriptionIndex?: number;
    defaultDuration?: number;
    defaultSize?: number;
    defaultFlags?: number;
  };
  /** Optional fields of `trun` (clause 8.8.8). */
  trun?: {
    dataOffset?: number;
    firstSampleFlags?: number;
    durations?: number[];
    sizes?: number[];
    flags?: number[];
    compositionOffsets?: number[];
  };
}

export function moof(shape: MoofShape): Buffer {
  return box(
    'moof',
    fullBox('mfhd', 0, 0, u32(shape.sequenceNumber)),
    box('traf', tfhd(shape), tfdt(shape), trun(shape)),
  );
}

function tfhd({ tfhd: given = {} }: MoofShape): Buffer {
  const fields: [flag: number, value: number | undefined, write: (value: number) => Buffer][] = [
    [0x1, given.baseDataOffset, u64],
    [0x2, given.descriptionIndex, u32],
    [0x8, given.defaultDuration, u32],
    [0x10, given.defaultSize, u32],
    [0x20, given.defaultFlags, u32],
  ];
  const { flags, content } = present(fields);
  return fullBox('tfhd', 0, flags, u32(1), ...content);
}

function tfdt({ tfdtVersion = 1, decodeTime }: MoofShape): Buffer {
  return fullBox('tfdt', tfdtVersion, 0, tfdtVersion === 1 ? u64(decodeTime) : u32(decodeTime));
}

function trun({ frames, trun: given = {} }: MoofShape): Buffer {
  const head = present([
    [0x1, given.dataOffset, u32],
    [0x4, given.firstSampleFlags, u32],
  ]);
  const perSample = [given.durations, given.sizes, given.flags, given.compositionOffsets];
  const flags = perSample.reduce((sum, values, at) => sum + (values ? 0x100 << at : 0), head.flags);
  const samples: Buffer[] = [];
  for (let n = 0; n < frames; n++) {
    for (const values of perSample) if (values) samples.push(u32(values[n] ?? 0));
  }
  return fullBox('trun', 0, flags, u32(frames), ...head.content, ...samples);
}

function present(fields: [flag: number, value: number | undefined, write: (value: number) => Buffer][]) {
  let flags = 0;
  const content: Buffer[] = [];
  for (const [flag, value, write] of fields) {
    if (value === undefined) continue;
    flags += flag;
    content.push(write(value));
  }
  return { flags, content };
}

export const INIT = [box('ftyp', Buffer.from('iso5')), box('moov', Buffer.from('one audio track'))] as const;

/** A moof and its mdat, `duration` samples long. The mdat says which fragment it is. */
export function fragment(at: {
  number: number;
  decodeTime: number;
  duration: number;
  frames?: number;
}): Buffer {
  const frames = at.frames ?? Math.ceil(at.duration / FRAME_SAMPLES);
  const durations = Array.from({ length: frames }, () => FRAME_SAMPLES);
  durations[frames - 1] = at.duration - (frames - 1) * FRAME_SAMPLES;
  const head = moof({ sequenceNumber: 1, decodeTime: at.decodeTime, frames, trun: { durations } });
  return Buffer.concat([head, box('mdat', Buffer.from(`fragment ${at.number}`))]);
}

/** The fragments of a run that begins at fragment `first`, whose own clock begins at 0. */
export function fragmentsOf(timeline: Timeline, first = 0): Buffer[] {
  const { segmentSamples, fragmentCount, mediaSamples } = timeline;
  return Array.from({ length: fragmentCount - first }, (_, n) => {
    const start = (first + n) * segmentSamples;
    const duration = Math.min(segmentSamples, mediaSamples - start);
    return fragment({ number: first + n, decodeTime: n * segmentSamples, duration });
  });
}

/** The bytes as a stream of chunks of that size. */
export async function* inChunks(bytes: Buffer, chunkBytes = 1000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
