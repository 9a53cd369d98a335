/** What of a source is decoded, and how ffmpeg is told to. Pure. */

import { DECODE_OPTIONS } from '../ffmpeg/filters.ts';
import { indexOptions, openingOptions } from '../ffmpeg/input.ts';
import type { Opening } from '../tracks/track.ts';

export interface Decoding {
  /** Path of ffmpeg or of its launcher. */
  executable: string;
  /** Absolute path of the original. */
  input: string;
  /** How it is opened where ffmpeg is not to guess. */
  opening: Opening | null;
  signal: AbortSignal;
  channels: number;
  streamIndex: number;
  /** Hz, of what comes out. */
  sampleRate: number;
  /** Decoding ends a second after that: enough to know that the source is longer. */
  maxDurationSeconds: number;
}

/** Options before `-i`. @param from the sample to start at. */
export function decodeOptions({ opening, sampleRate, maxDurationSeconds }: Decoding, from = 0): string[] {
  const seek = from === 0 ? [] : ['-ss', (from / sampleRate).toFixed(6)];
  return [...DECODE_OPTIONS, ...indexOptions(maxDurationSeconds), ...openingOptions(opening), ...seek];
}
