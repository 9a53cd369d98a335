/** Reads decoded audio once, and keeps what a listener's player needs of it: the waveforms and the pauses. Pure. */
import { createPauseFinder, LOUD, type Pause } from './pauses.ts';
import { COARSE, createWaveformBuilder, PIXELS_PER_SECOND, samplesPerPixel } from './waveform.ts';

export interface PcmFormat {
  sampleRate: number;
  channels: 1 | 2;
  /** N: what comes after so many samples is no part of the track. */
  samples: number;
}

export interface PcmReader {
  /** Takes 16-bit little-endian PCM, interleaved, cut anywhere. */
  read(chunk: Buffer): void;
  end(): { waveforms: Map<(typeof PIXELS_PER_SECOND)[number], Buffer>; pauses: Pause[] };
}

const SAMPLE_BYTES = 2;

/** The channels of a sample are averaged for the waveform, towards zero as audiowaveform does; a pause is one in each of them. */
export function createPcmReader(
  { sampleRate, channels, samples }: PcmFormat,
  onCoarse: (lowest: number, highest: number) => void = () => {},
): PcmReader {
  const frameBytes = SAMPLE_BYTES * channels;
  const pauses = createPauseFinder(sampleRate);
  const builders = PIXELS_PER_SECOND.map((rate) => ({
    rate,
    builder: createWaveformBuilder(rate, { sampleRate, samples }),
    merges: PIXELS_PER_SECOND[0] / rate,
    merged: 0,
    lowest: 0,
    highest: 0,
  }));
  const perPixel = samplesPerPixel(sampleRate, PIXELS_PER_SECOND[0]);
  let rest: Buffer = Buffer.alloc(0);
  let position = 0;
  let pixelEnd = perPixel;
  let lowest = Number.POSITIVE_INFINITY;
  let highest = Number.NEGATIVE_INFINITY;

  const flush = (level: (typeof builders)[number]) => {
    if (level.merged === 0) return;
    level.builder.add(level.lowest, level.highest);
    if (level.rate === COARSE) onCoarse(level.lowest, level.highest);
    level.merged = 0;
  };
  const pixel = () => {
    for (const level of builders) {
      level.lowest = level.merged === 0 ? lowest : Math.min(level.lowest, lowest);
      level.highest = level.merged === 0 ? highest : Math.max(level.highest, highest);
      if (++level.merged === level.merges) flush(level);
    }
    lowest = Number.POSITIVE_INFINITY;
    highest = Number.NEGATIVE_INFINITY;
    pixelEnd += perPixel;
  };

  /** Reads samples up to the end of a pixel at most. */
  const readMono = (pcm: Int16Array, from: number, to: number) => {
    for (let at = from; at < to; at++) {
      const sample = pcm[at] as number;
      if (sample < lowest) lowest = sample;
      if (sample > highest) highest = sample;
      if (sample >= LOUD || sample <= -LOUD) pauses.loud(position + at - from);
    }
  };
  const readStereo = (pcm: Int16Array, from: number, to: number) => {
    for (let at = from; at < to; at++) {
      const left = pcm[2 * at] as number;
      const right = pcm[2 * at + 1] as number;
      const sample = ((left + right) / 2) | 0;
      if (sample < lowest) lowest = sample;
      if (sample > highest) highest = sample;
      if (left >= LOUD || left <= -LOUD || right >= LOUD || right <= -LOUD) {
        pauses.loud(position + at - from);
      }
    }
  };
  const readSome = channels === 1 ? readMono : readStereo;

  return {
    read(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const frames = Math.min(Math.floor(bytes.length / frameBytes), samples - position);
      rest = bytes.subarray(Math.floor(bytes.length / frameBytes) * frameBytes);
      const pcm = samplesOf(bytes, frames * channels);
      for (let at = 0; at < frames; ) {
        const until = Math.min(frames, at + pixelEnd - position);
        readSome(pcm, at, until);
        position += until - at;
        at = until;
        if (position === pixelEnd) pixel();
      }
    },
    end() {
      if (position > pixelEnd - perPixel) pixel();
      for (const level of builders) flush(level);
      return {
        waveforms: new Map(builders.map(({ rate, builder }) => [rate, builder.file()])),
        pauses: pauses.end(position),
      };
    },
  };
}

/** Returns bytes as samples: without a copy where they lie at an even address. */
function samplesOf(bytes: Buffer, count: number): Int16Array {
  const aligned = bytes.byteOffset % SAMPLE_BYTES === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer);
  return new Int16Array(aligned.buffer, aligned.byteOffset, count);
}
