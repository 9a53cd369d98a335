/** Mutates files as accidents and attackers do. The same random numbers give the same file again. */
import type { SourceFile } from './sources.ts';

type Random = () => number;

/** Prefers the beginning of a file, which decides most about how it is read. */
const HEADER_BYTES = 512;
const EXTREMES = [0, 1, 0x7f_ff_ff_ff, 0x80_00_00_00, 0xff_ff_ff_ff, 0x00_ff_ff_ff, 0xff_00_00_00];

const below = (random: Random, limit: number) => Math.floor(random() * Math.max(1, limit));

/** Returns two offsets in a file, in order. */
function stretch(bytes: Buffer, random: Random): [number, number] {
  const from = below(random, bytes.length);
  return [from, Math.min(bytes.length, from + 1 + below(random, Math.min(5000, bytes.length)))];
}

const MUTATIONS: Record<string, (bytes: Buffer, random: Random, other: Buffer) => Buffer> = {
  'flipped bits': (bytes, random) => {
    const count = 1 + below(random, 40);
    for (let n = 0; n < count; n++) {
      const at = below(random, bytes.length);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
    }
    return bytes;
  },
  'flipped bits in the header': (bytes, random) => {
    for (let n = 0; n < 4; n++) {
      const at = below(random, Math.min(HEADER_BYTES, bytes.length));
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(random, 8));
    }
    return bytes;
  },
  'an extreme number in the header': (bytes, random) => {
    if (bytes.length < 8) return bytes;
    const at = below(random, Math.min(HEADER_BYTES, bytes.length - 4));
    const value = EXTREMES[below(random, EXTREMES.length)] ?? 0;
    if (random() < 0.5) bytes.writeUInt32BE(value, at);
    else bytes.writeUInt32LE(value, at);
    return bytes;
  },
  'an extreme number anywhere': (bytes, random) => {
    if (bytes.length < 8) return bytes;
    bytes.writeUInt32BE(EXTREMES[below(random, EXTREMES.length)] ?? 0, below(random, bytes.length - 4));
    return bytes;
  },
  'a stretch of one byte': (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return bytes.fill([0, 0xff, below(random, 256)][below(random, 3)] ?? 0, from, to);
  },
  'a stretch of noise': (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    for (let at = from; at < to; at++) bytes[at] = below(random, 256);
    return bytes;
  },
  'cut off': (bytes, random) => bytes.subarray(0, below(random, bytes.length)),
  'without its beginning': (bytes, random) => bytes.subarray(below(random, Math.min(4000, bytes.length))),
  'a stretch taken out': (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  'a stretch put in twice': (bytes, random) => {
    const [from, to] = stretch(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  'noise put in': (bytes, random) => {
    const at = below(random, bytes.length);
    const noise = Buffer.from(Array.from({ length: 1 + below(random, 3000) }, () => below(random, 256)));
    return Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]);
  },
  'the end of another': (bytes, random, other) =>
    Buffer.concat([
      bytes.subarray(0, below(random, bytes.length)),
      other.subarray(below(random, other.length)),
    ]),
  'another one behind it': (bytes, _random, other) => Buffer.concat([bytes, other]),
};
const NAMES = Object.keys(MUTATIONS);

/** Returns one of the sources after one to three mutations. */
export function mutated(sources: readonly SourceFile[], random: Random): SourceFile & { done: string[] } {
  const pick = () => sources[below(random, sources.length)] as SourceFile;
  const { name, bytes: whole } = pick();
  const done: string[] = [];
  let bytes: Buffer = Buffer.from(whole);
  for (let count = 1 + below(random, 3); count > 0; count--) {
    const mutation = NAMES[below(random, NAMES.length)] as string;
    done.push(mutation);
    bytes = Buffer.from(MUTATIONS[mutation]?.(bytes, random, pick().bytes) ?? bytes);
  }
  return { name, bytes, done };
}
