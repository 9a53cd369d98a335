/** What ffmpeg reports of loudness, and what only looks like it. */
import { describe, expect, it } from 'vitest';
import { createLoudnessReport } from '../../src/facts/loudness-report.ts';

/** As ffmpeg 5.1 prints it. */
const summary = (lufs: string, range: string, peak: string) => [
  '[Parsed_ebur128_3 @ 0x55782742f480] Summary:',
  '',
  '  Integrated loudness:',
  `    I:         ${lufs} LUFS`,
  '    Threshold: -35.6 LUFS',
  '',
  '  Loudness range:',
  `    LRA:         ${range} LU`,
  '    Threshold: -45.6 LUFS',
  '    LRA low:   -25.7 LUFS',
  '    LRA high:  -25.6 LUFS',
  '',
  '  True peak:',
  `    Peak:      ${peak} dBFS`,
];
const NOTHING = summary('-70.0', '0.0', '-inf');
const SONG = summary('-25.6', '3.1', '-14.1');

const read = (...lines: string[]) => {
  const report = createLoudnessReport();
  for (const line of lines) report.line(line);
  return report.loudness();
};

describe('the loudness', () => {
  it('is that of the filter that has heard the audio', () => {
    expect(read(...NOTHING, 'Stream mapping:', ...SONG)).toEqual({
      integratedLufs: -25.6,
      truePeakDbtp: -14.1,
      rangeLu: 3.1,
    });
  });

  it('of silence is none', () => {
    const silence = { integratedLufs: null, truePeakDbtp: null, rangeLu: 0 };
    expect(read(...NOTHING, ...NOTHING)).toEqual(silence);
    expect(read()).toEqual(silence);
  });

  it('of what is too soft to count has a peak', () => {
    expect(read(...summary('-70.0', '0.0', '-80.3'))).toEqual({
      integratedLufs: null,
      truePeakDbtp: -80.3,
      rangeLu: 0,
    });
  });

  it('is not known where the format changes midway', () => {
    expect(read(...NOTHING, ...SONG, ...SONG)).toBeUndefined();
  });

  it('is not what a tag says', () => {
    const tag = [
      '  Metadata:',
      '    title           : Summary:',
      '    I               : 3.0 LUFS',
      '    I:         3.0 LUFS',
    ];
    expect(read(...tag, ...NOTHING, ...SONG)?.integratedLufs).toBe(-25.6);
  });
});
