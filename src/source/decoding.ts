/** Describes a decode of a source, and builds its ffmpeg options. Pure. */
import { DECODE_OPTIONS } from '../ffmpeg/filters.ts';
import { indexOptions, openingOptions } from '../ffmpeg/input.ts';
import type { Opening } from '../tracks/track.ts';

export interface Decoding {
  /** Path of ffmpeg or of its launcher. */
  executable: string;
  /** Absolute path of the original. */
  input: string;
  /** The demuxer and offset for a file that ffmpeg does not recognise; else null. */
  opening: Opening | null;
  signal: AbortSignal;
  channels: number;
  streamIndex: number;
  /** Sample rate of the output in Hz. */
  sampleRate: number;
  /** Longest audio in seconds. Decoding ends a second later, which shows that the source is longer. */
  maxDurationSeconds: number;
}

/** Returns the ffmpeg options before `-i`. @param from sample to start at. */
export function decodeOptions({ opening, sampleRate, maxDurationSeconds }: Decoding, from = 0): string[] {
  const seek = from === 0 ? [] : ['-ss', (from / sampleRate).toFixed(6)];
  return [...DECODE_OPTIONS, ...indexOptions(maxDurationSeconds), ...openingOptions(opening), ...seek];
}
