/** Which witness of a length is believed, and what asking the decoder costs. */
import { describe, expect, it, vi } from 'vitest';
import { isTimelineTrue, type LengthOptions, settledLength } from '../../src/source/settled-length.ts';

const RATE = 44_100;
const seconds = (value: number) => value * RATE;

describe('time stamps', () => {
  it.each<[string, number, number[], number, boolean]>([
    ['agree with the decoder', 60, [60], 60, true],
    ['agree with it within a segment', 62, [10], 60, true],
    ['have holes, which become silence', 60, [], 40, true],
    ['have holes, and so has the header', 60, [60], 40, true],
    ['say hours of a minute', 57_000, [60], 60, false],
    ['say hours of a minute, and nothing else says anything', 57_000, [], 60, false],
    ['say more than the header and the decoder', 90, [60], 60, false],
    ['say less than what decodes', 30, [30], 60, false],
    ['say something of which nothing decodes', 60, [60], 0, false],
  ])('that %s', (_, samples, headers, decoded, isTrue) => {
    const lengths = { samples: seconds(samples), decoded: seconds(decoded), slack: seconds(4) };
    expect(isTimelineTrue({ ...lengths, headers: headers.map(seconds) })).toBe(isTrue);
  });
});

describe('a length', () => {
  const makeCopy = vi.fn(async () => seconds(60));
  /** A decoder that is not there: whoever asks it fails. */
  const options = (changes: Partial<LengthOptions>): LengthOptions => ({
    declared: { samples: seconds(60), headerSeconds: [60.1] },
    decoding: {
      ...{ executable: '/nothing/ffmpeg', input: '/nothing/a.mp3', opening: null },
      ...{ signal: new AbortController().signal, channels: 2, streamIndex: 0, sampleRate: RATE },
      maxDurationSeconds: 3600,
    },
    ...{ end: seconds(60), bytes: 1_000_000, pcmBytesPerSecond: null, segmentSeconds: 4, makeCopy },
    ...changes,
  });
  const certain = { samples: seconds(60), copy: null, declaredSeconds: null, isEndKnown: true };

  it('on which all witnesses agree is believed without the decoder', async () => {
    expect(await settledLength(options({}))).toEqual(certain);
    expect(makeCopy).not.toHaveBeenCalled();
  });

  it('is confirmed by one header of two: the video may be longer than its sound', async () => {
    const declared = { samples: seconds(60), headerSeconds: [60, 300] };
    expect(await settledLength(options({ declared }))).toEqual(certain);
  });

  it('is not known to be the end where that was not decoded', async () => {
    for (const end of [null, seconds(30)]) {
      expect(await settledLength(options({ end }))).toEqual({ ...certain, isEndKnown: false });
    }
  });

  it('may have the padding of a last frame behind it', async () => {
    expect(await settledLength(options({ end: seconds(60) + 1152 }))).toEqual(certain);
  });

  it.each<[string, Partial<LengthOptions>]>([
    ['a header says more', { declared: { samples: seconds(60), headerSeconds: [65] } }],
    ['a header says less', { declared: { samples: seconds(60), headerSeconds: [50] } }],
    ['the end goes on', { end: seconds(61) }],
    ['it is longer than is taken', { declared: { samples: seconds(3601), headerSeconds: [] } }],
    ['its bytes cannot hold it', { bytes: 29_000 }],
    ['it is too short for its bytes', { bytes: 20_000_000, pcmBytesPerSecond: 4 * RATE }],
  ])('is settled by the decoder where %s', async (_, changes) => {
    await expect(settledLength(options(changes))).rejects.toThrow('ENOENT');
    expect(makeCopy).not.toHaveBeenCalled();
  });

  it('is that of a copy where packets cannot tell, or ffmpeg does not recognise the file', async () => {
    const inexact = await settledLength(options({ declared: { samples: null, headerSeconds: [60] } }));
    expect(inexact.copy).toEqual({ hasTimeline: true });
    const { decoding } = options({});
    const opening = { demuxer: 'mp3', startByte: 9 } as const;
    const unrecognised = await settledLength(options({ decoding: { ...decoding, opening } }));
    expect(unrecognised.copy).toEqual({ hasTimeline: false });
  });
});
