/** Waveforms that are being made, as far as they are: 5 pixels a second, in memory only. */
import type { Track } from '../tracks/track.ts';
import { COARSE, samplesPerPixel } from './waveform.ts';

export interface LiveWaveform {
  readonly filename: string;
  readonly sampleRate: number;
  readonly samplesPerPixel: number;
  /** Lowest and highest sample of each pixel, of 8 bits, by turns. */
  readonly data: readonly number[];
}

export interface GrowingWaveform {
  /** Adds a pixel: the lowest and the highest of its samples, of 16 bits. */
  add(lowest: number, highest: number): void;
  /** Forgets it: it is stored now, or given up. */
  end(): void;
}

export interface LiveWaveforms {
  begin(track: Pick<Track, 'filename' | 'sampleRate'>): GrowingWaveform;
  of(filename: string): LiveWaveform | undefined;
  all(): Iterable<LiveWaveform>;
  /** Adds a listener, which is told that a waveform has grown: at most four times a second. Returns what removes it. */
  listen(listener: (filename: string) => void): () => void;
}

const TELL_EVERY_MS = 250;
const STEP = 256;

export function createLiveWaveforms(): LiveWaveforms {
  const growing = new Map<string, LiveWaveform>();
  const listeners = new Set<(filename: string) => void>();

  return {
    begin({ filename, sampleRate }) {
      const data: number[] = [];
      const waveform = { filename, sampleRate, samplesPerPixel: samplesPerPixel(sampleRate, COARSE), data };
      growing.set(filename, waveform);
      let timer: NodeJS.Timeout | undefined;
      const tell = () => {
        timer = undefined;
        for (const listener of listeners) listener(filename);
      };
      return {
        add(lowest, highest) {
          data.push(Math.trunc(lowest / STEP), Math.trunc(highest / STEP));
          if (listeners.size > 0) timer ??= setTimeout(tell, TELL_EVERY_MS);
        },
        end() {
          clearTimeout(timer);
          if (growing.get(filename) === waveform) growing.delete(filename);
        },
      };
    },
    of: (filename) => growing.get(filename),
    all: () => growing.values(),
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
