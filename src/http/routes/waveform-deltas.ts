/** Tells one client what it has not got yet of waveforms that are being made. */
import type { LiveWaveform, LiveWaveforms } from '../../facts/live-waveforms.ts';
import { COARSE } from '../../facts/waveform.ts';

/** The data of an event `waveform`. */
export interface WaveformDelta {
  filename: string;
  pixelsPerSecond: number;
  sampleRate: number;
  samplesPerPixel: number;
  /** Number of the first pixel; 0 where the waveform begins anew. */
  offset: number;
  /** Lowest and highest sample of each pixel, of 8 bits, by turns. */
  data: number[];
}

export interface WaveformDeltas {
  hasNews(): boolean;
  /** Returns what has come since the last call; all that there is at the first one. */
  take(): { event: 'waveform'; data: WaveformDelta }[];
  end(): void;
}

/** @param options.onNews called after a pixel has come: at most four times a second. */
export function createWaveformDeltas(
  liveWaveforms: LiveWaveforms,
  { isMeant, onNews }: { isMeant(filename: string): boolean; onNews(): void },
): WaveformDeltas {
  /** Values that the client has, of each waveform. */
  const sent = new WeakMap<LiveWaveform, number>();
  const news = new Set<string>();
  const note = (filename: string) => {
    if (!isMeant(filename)) return false;
    news.add(filename);
    return true;
  };
  for (const { filename } of liveWaveforms.all()) note(filename);
  const stopListening = liveWaveforms.listen((filename) => {
    if (note(filename)) onNews();
  });

  const deltaOf = (waveform: LiveWaveform): WaveformDelta => {
    const { filename, sampleRate, samplesPerPixel, data } = waveform;
    const from = sent.get(waveform) ?? 0;
    sent.set(waveform, data.length);
    return {
      ...{ filename, pixelsPerSecond: COARSE, sampleRate, samplesPerPixel },
      offset: from / 2,
      data: data.slice(from),
    };
  };

  return {
    hasNews: () => news.size > 0,
    take() {
      const waveforms = [...news].flatMap((filename) => liveWaveforms.of(filename) ?? []);
      news.clear();
      return waveforms.map((waveform) => ({ event: 'waveform', data: deltaOf(waveform) }));
    },
    end: stopListening,
  };
}
