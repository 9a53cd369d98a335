/** Reads what ffmpeg's filter `ebur128` reports at its end. Pure. */
import type { Loudness } from '../tracks/facts.ts';

export interface LoudnessReport {
  /** Takes a line of ffmpeg's standard error. */
  line(text: string): void;
  /**
   * Returns the loudness; that of silence where the filter has heard nothing. Undefined where there are several: when the format
   * changes midway ffmpeg starts its filters anew, and neither report is that of the whole.
   */
  loudness(): Loudness | undefined;
}

/** What the filter says of silence: the absolute gate (BS.1770-4). */
const GATE_LUFS = -70;
const SUMMARY = /^\[Parsed_ebur128_\d+ @ [^\]]*\] Summary:$/;
const VALUE = /^ {4}(I|LRA|Peak): +(-?\d+(?:\.\d+)?|-inf|nan) (?:LUFS|LU|dBFS)$/;

export function createLoudnessReport(): LoudnessReport {
  const summaries: Partial<Record<string, number | null>>[] = [];
  return {
    line(text) {
      if (SUMMARY.test(text)) summaries.push({});
      const [, name, value] = VALUE.exec(text) ?? [];
      const last = summaries.at(-1);
      if (!last || name === undefined) return;
      const number = Number(value);
      last[name] = Number.isFinite(number) ? number : null;
    },
    loudness() {
      // ffmpeg makes its filters before it knows the format of the first frame, and makes them anew: the first ones hear nothing.
      const heard = summaries.filter(({ Peak }) => Peak !== undefined && Peak !== null);
      if (heard.length > 1) return undefined;
      const { I = null, Peak = null, LRA = null } = heard[0] ?? {};
      const integratedLufs = I === null || I <= GATE_LUFS ? null : I;
      return { integratedLufs, truePeakDbtp: Peak, rangeLu: Math.max(0, LRA ?? 0) };
    },
  };
}
