/** Settles the length of a file from time stamps, headers and the decoder, and decodes only if they disagree. */
import { describe, expect, it, vi } from 'vitest';
import { isTimelineTrue, type LengthOptions, settledLength } from '../../src/source/settled-length.ts';

const RATE = 44_100;
const seconds = (value: number) => value * RATE;

describe('the verdict on time stamps', () => {
  it.each<[string, number, number[], number, boolean]>([
    ['agree with the decoder', 60, [60], 60, true],
    ['agree with the decoder within a segment', 62, [10], 60, true],
    ['have gaps, which become silence', 60, [], 40, true],
    ['have gaps that the header confirms', 60, [60], 40, true],
    ['claim hours for a minute', 57_000, [60], 60, false],
    ['claim hours for a minute without a header', 57_000, [], 60, false],
    ['give more than the header and the decoder', 90, [60], 60, false],
    ['give less than the decoder', 30, [30], 60, false],
    ['give a length although nothing decodes', 60, [60], 0, false],
  ])('that %s', (_, samples, headers, decoded, isTrue) => {
    const lengths = { samples: seconds(samples), decoded: seconds(decoded), slack: seconds(4) };
    expect(isTimelineTrue({ ...lengths, headers: headers.map(seconds) })).toBe(isTrue);
  });
});

describe('a length', () => {
  const makeCopy = vi.fn(async () => seconds(60));
  /** Makes options whose decoder does not exist: decoding fails with ENOENT. */
  const options = (changes: Partial<LengthOptions>): LengthOptions => ({
    declared: { samples: seconds(60), headerSeconds: [60.1] },
    decoding: {
      executable: '/nothing/ffmpeg',
      input: '/nothing/a.mp3',
      opening: null,
      signal: new AbortController().signal,
      channels: 2,
      streamIndex: 0,
      sampleRate: RATE,
      maxDurationSeconds: 3600,
    },
    end: seconds(60),
    bytes: 1_000_000,
    pcmBytesPerSecond: null,
    segmentSeconds: 4,
    makeCopy,
    ...changes,
  });
  const certain = { samples: seconds(60), copy: null, declaredSeconds: null, isEndKnown: true };

  it('on which all sources agree needs no decoder', async () => {
    expect(await settledLength(options({}))).toEqual(certain);
    expect(makeCopy).not.toHaveBeenCalled();
  });

  it('is confirmed by one header of two, for a video may be longer than its sound', async () => {
    const declared = { samples: seconds(60), headerSeconds: [60, 300] };
    expect(await settledLength(options({ declared }))).toEqual(certain);
  });

  it('has an unknown end if the end was not decoded', async () => {
    for (const end of [null, seconds(30)]) {
      expect(await settledLength(options({ end }))).toEqual({ ...certain, isEndKnown: false });
    }
  });

  it('may be followed by the padding of a last frame', async () => {
    expect(await settledLength(options({ end: seconds(60) + 1152 }))).toEqual(certain);
  });

  it.each<[string, Partial<LengthOptions>]>([
    ['a header gives more', { declared: { samples: seconds(60), headerSeconds: [65] } }],
    ['a header gives less', { declared: { samples: seconds(60), headerSeconds: [50] } }],
    ['the source goes on after it', { end: seconds(61) }],
    ['it exceeds MAX_DURATION_SECONDS', { declared: { samples: seconds(3601), headerSeconds: [] } }],
    ['the file is too small for it', { bytes: 29_000 }],
    ['the file is too large for it', { bytes: 20_000_000, pcmBytesPerSecond: 4 * RATE }],
  ])('is settled by the decoder if %s', async (_, changes) => {
    await expect(settledLength(options(changes))).rejects.toThrow('ENOENT');
    expect(makeCopy).not.toHaveBeenCalled();
  });

  it('is that of a copy if packets are inexact, or if ffmpeg does not recognise the file', async () => {
    const inexact = await settledLength(options({ declared: { samples: null, headerSeconds: [60] } }));
    expect(inexact.copy).toEqual({ hasTimeline: true });
    const { decoding } = options({});
    const opening = { demuxer: 'mp3', startByte: 9 } as const;
    const unrecognised = await settledLength(options({ decoding: { ...decoding, opening } }));
    expect(unrecognised.copy).toEqual({ hasTimeline: false });
  });
});
