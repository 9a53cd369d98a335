/**
 * Builds waveforms in the binary format of audiowaveform, version 2: 8 bits, one channel. Pure.
 * https://github.com/bbc/audiowaveform/blob/master/doc/DataFormat.md
 */

/** Pixels per second of the waveforms of a track, the finest first. Each pixel of the others is made of whole pixels of it. */
export const PIXELS_PER_SECOND = [100, 20, 5] as const;
export type PixelsPerSecond = (typeof PIXELS_PER_SECOND)[number];
export const COARSE = 5 satisfies PixelsPerSecond;

const VERSION = 2;
const EIGHT_BITS = 1;
const BITS = 8;
/** int32 each: version, flags, sample rate, samples per pixel, length, channels. */
const HEADER_BYTES = 24;
const STEP = 256;

/** Returns the name of a waveform among the sidecars of a track. */
export function waveformName(rate: PixelsPerSecond): string {
  return `waveform-${rate}.dat`;
}

/** Returns the samples in a pixel: a whole number at every rate, and so a second may have a little more than `rate` pixels. */
export function samplesPerPixel(sampleRate: number, rate: PixelsPerSecond): number {
  return Math.max(1, Math.floor(sampleRate / PIXELS_PER_SECOND[0])) * (PIXELS_PER_SECOND[0] / rate);
}

export interface WaveformBuilder {
  /** Adds a pixel: the lowest and the highest of its samples, of 16 bits. */
  add(lowest: number, highest: number): void;
  /** Returns the file. Nothing can be added after that. */
  file(): Buffer;
}

/** @param samples the most that will come. */
export function createWaveformBuilder(
  rate: PixelsPerSecond,
  { sampleRate, samples }: { sampleRate: number; samples: number },
): WaveformBuilder {
  const perPixel = samplesPerPixel(sampleRate, rate);
  const bytes = Buffer.alloc(HEADER_BYTES + 2 * Math.ceil(samples / perPixel));
  let end = HEADER_BYTES;
  return {
    add(lowest, highest) {
      bytes.writeInt8(Math.trunc(lowest / STEP), end);
      bytes.writeInt8(Math.trunc(highest / STEP), end + 1);
      end += 2;
    },
    file() {
      const header = [VERSION, EIGHT_BITS, sampleRate, perPixel, (end - HEADER_BYTES) / 2, 1];
      for (const [at, value] of header.entries()) bytes.writeInt32LE(value, 4 * at);
      return bytes.subarray(0, end);
    },
  };
}

/** Pixels in one piece of JSON: 64 kB. */
const PIXELS_IN_PIECE = 8192;

/** Yields a file of {@link createWaveformBuilder} as audiowaveform's JSON, in pieces. */
export function* waveformJson(file: Buffer): Generator<string> {
  const [version, , sampleRate, perPixel, length, channels] = Array.from({ length: 6 }, (_, at) =>
    file.readInt32LE(4 * at),
  );
  const head = {
    version,
    channels,
    sample_rate: sampleRate,
    samples_per_pixel: perPixel,
    bits: BITS,
    length,
  };
  yield `${JSON.stringify(head).slice(0, -1)},"data":[`;
  const data = new Int8Array(file.buffer, file.byteOffset + HEADER_BYTES, file.length - HEADER_BYTES);
  for (let at = 0; at < data.length; at += 2 * PIXELS_IN_PIECE) {
    yield `${at === 0 ? '' : ','}${data.subarray(at, at + 2 * PIXELS_IN_PIECE).join(',')}`;
  }
  yield ']}';
}
