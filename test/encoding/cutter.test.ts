import { describe, expect, it } from 'vitest';
import { readBoxes, readFragment, TruncatedStreamError } from '../../src/encoding/boxes.ts';
import { type Cut, cutSegments, EarlyEndError, OffTimelineError } from '../../src/encoding/cutter.ts';
import { type Timeline, timelineOf } from '../../src/presentation/timeline.ts';
import { box, fragment, fragmentsOf, INIT, inChunks } from '../support/fragments.ts';

const shape = { sampleRate: 44_100, segmentFrames: 172 };
const full = 172 * 1024;
/** Four segments, the last one of 2,000 samples more than the quarter of a second that would join it. */
const timeline = timelineOf({ ...shape, samples: 3 * full + 12_000 });
/** Three segments, the last one with a joined tail of 500 samples. */
const joined = timelineOf({ ...shape, samples: 3 * full - 1024 + 500 });
/** Three segments to the last sample. */
const exact = timelineOf({ ...shape, samples: 3 * full - 1024 });

interface Outcome {
  cuts: Cut[];
  error: unknown;
}

/** Everything that was handed out, and what it ended with. */
async function cut(fragments: Buffer[], options: { timeline: Timeline; from?: number }): Promise<Outcome> {
  const cuts: Cut[] = [];
  try {
    const stream = inChunks(Buffer.concat([...INIT, ...fragments]));
    for await (const one of cutSegments(stream, { from: 0, ...options })) cuts.push(one);
  } catch (error) {
    return { cuts, error };
  }
  return { cuts, error: undefined };
}

const media = ({ cuts }: Outcome) => cuts.filter((one) => one.kind === 'media');
const indices = (outcome: Outcome) => media(outcome).map(({ index }) => index);

/** What each fragment of a segment says of itself. */
async function fragmentsIn(segment: Buffer) {
  const said: { decodeTime: number; sequenceNumber: number; content: string }[] = [];
  for await (const { type, bytes } of readBoxes(inChunks(segment))) {
    if (type === 'moof') {
      const { decodeTime, sequenceNumber } = readFragment(bytes);
      said.push({ decodeTime, sequenceNumber, content: '' });
    } else {
      const last = said.at(-1);
      if (type !== 'mdat' || !last) throw new Error(`a ${type} out of place`);
      last.content += bytes.toString('latin1', 8);
    }
  }
  return said;
}

describe('a run from the start', () => {
  it('gives the init segment first, then each segment with its number', async () => {
    const outcome = await cut(fragmentsOf(timeline), { timeline });
    expect(outcome.error).toBeUndefined();
    expect(outcome.cuts[0]).toEqual({ kind: 'init', bytes: Buffer.concat([...INIT]) });
    expect(indices(outcome)).toEqual([0, 1, 2, 3]);
    expect(outcome.cuts).toHaveLength(5);
  });

  it('leaves every fragment at its time, and numbers them from 1', async () => {
    const outcome = await cut(fragmentsOf(timeline), { timeline });
    for (const { index, bytes } of media(outcome)) {
      expect(await fragmentsIn(bytes)).toEqual([
        { decodeTime: index * full, sequenceNumber: index + 1, content: `fragment ${index}` },
      ]);
    }
  });

  it('joins a short tail to the last segment', async () => {
    const outcome = await cut(fragmentsOf(joined), { timeline: joined });
    expect(outcome.error).toBeUndefined();
    expect(indices(outcome)).toEqual([0, 1, 2]);
    expect(await fragmentsIn(media(outcome)[2]?.bytes as Buffer)).toEqual([
      { decodeTime: 2 * full, sequenceNumber: 3, content: 'fragment 2' },
      { decodeTime: 3 * full, sequenceNumber: 4, content: 'fragment 3' },
    ]);
  });

  it.each([1, 500, 3000, full - 1024])('cuts a track of %i samples into one segment', async (samples) => {
    const short = timelineOf({ ...shape, samples });
    const outcome = await cut(fragmentsOf(short), { timeline: short });
    expect(outcome.error).toBeUndefined();
    expect(indices(outcome)).toEqual([0]);
  });

  it('passes over boxes that nobody asked for', async () => {
    const [first = Buffer.alloc(0), ...rest] = fragmentsOf(timeline);
    const outcome = await cut([box('free'), first, box('sidx'), ...rest, box('mfra')], { timeline });
    expect(outcome.error).toBeUndefined();
    expect(indices(outcome)).toEqual([0, 1, 2, 3]);
  });
});

describe('a run for a later segment', () => {
  it.each([
    [1, [1, 2, 3]],
    [2, [2, 3]],
    [3, [3]],
  ])('from %i on drops the fragment before, and shifts the others to their place', async (from, expected) => {
    const outcome = await cut(fragmentsOf(timeline, from - 1), { timeline, from });
    expect(outcome.error).toBeUndefined();
    expect(indices(outcome)).toEqual(expected);
    for (const { index, bytes } of media(outcome)) {
      expect(await fragmentsIn(bytes)).toEqual([
        { decodeTime: index * full, sequenceNumber: index + 1, content: `fragment ${index}` },
      ]);
    }
  });

  it('gives the bytes that a run from the start gives', async () => {
    const [whole, part] = await Promise.all([
      cut(fragmentsOf(joined), { timeline: joined }),
      cut(fragmentsOf(joined, 1), { timeline: joined, from: 2 }),
    ]);
    expect(media(part)).toEqual(media(whole).slice(2));
    expect(part.cuts[0]).toEqual(whole.cuts[0]);
  });

  it('checks the fragment that it drops', async () => {
    const [, second = Buffer.alloc(0)] = fragmentsOf(timeline, 1);
    expect((await cut([second], { timeline, from: 2 })).error).toBeInstanceOf(OffTimelineError);
  });
});

describe('a run that leaves the timeline', () => {
  /** The second of four fragments is another one. */
  const withSecond = (changes: { decodeTime?: number; duration?: number; frames?: number }) => {
    const fragments = fragmentsOf(timeline);
    fragments[1] = fragment({ number: 1, decodeTime: full, duration: full, ...changes });
    return cut(fragments, { timeline });
  };

  it.each([
    ['starts a frame late', { decodeTime: full + 1024 }],
    ['starts a sample early', { decodeTime: full - 1 }],
    ['starts again at 0', { decodeTime: 0 }],
    ['has a frame too many', { duration: full + 1024 }],
    ['has more frames than fit, of no length', { frames: 173 }],
    ['has too few frames, each too long', { frames: 171 }],
    // Fragments that follow tell a short one from the end of the source.
    ['has a frame too few in the middle', { duration: full - 1024 }],
    ['is a sample short in the middle', { duration: full - 1 }],
  ])('is off the timeline where a fragment %s', async (_what, changes) => {
    const outcome = await withSecond(changes);
    expect(outcome.error).toBeInstanceOf(OffTimelineError);
    expect(indices(outcome)).toEqual([0]);
  });

  it('is off the timeline where the last fragment is longer than N', async () => {
    const fragments = fragmentsOf(timeline);
    fragments[3] = fragment({ number: 3, decodeTime: 3 * full, duration: 12_000 + 1024 + 1 });
    const outcome = await cut(fragments, { timeline });
    expect(outcome.error).toBeInstanceOf(OffTimelineError);
    expect(indices(outcome)).toEqual([0, 1, 2]);
  });

  it('is off the timeline where a fragment follows the last one', async () => {
    const more = fragment({ number: 3, decodeTime: 3 * full, duration: 1024 });
    const outcome = await cut([...fragmentsOf(exact), more], { timeline: exact });
    expect(outcome.error).toBeInstanceOf(OffTimelineError);
  });

  it('is off the timeline where media data comes without a movie fragment', async () => {
    const outcome = await cut([box('mdat', Buffer.from('lost'))], { timeline });
    expect(outcome.error).toBeInstanceOf(OffTimelineError);
  });

  it('says where and by how much', async () => {
    const { error } = await withSecond({ decodeTime: full + 1024 });
    expect((error as Error).message).toContain(`fragment 1 starts at sample ${full + 1024}`);
  });
});

describe('a source that ends early', () => {
  const whole = fragmentsOf(timeline);
  const shortOne = (number: number, duration: number) =>
    fragment({ number, decodeTime: number * full, duration });

  it.each([
    ['before anything', [], [], 0],
    ['within its first segment', [shortOne(0, 5000)], [0], 5000 - 1024],
    ['within its second segment', [whole[0], shortOne(1, 5000)], [0, 1], full + 5000 - 1024],
    ['between two segments', [whole[0], whole[1]], [0, 1], 2 * full - 1024],
    ['a sample short', [...whole.slice(0, 3), shortOne(3, 13_023)], [0, 1, 2, 3], timeline.samples - 1],
  ])('%s gives its whole segments, and says how long it was', async (_what, fragments, present, samples) => {
    const outcome = await cut(fragments as Buffer[], { timeline });
    expect(outcome.error).toBeInstanceOf(EarlyEndError);
    expect(outcome.error).toMatchObject({ samples });
    const complete = present.filter((index) => fragments[index] === whole[index]);
    expect(indices(outcome)).toEqual(complete);
  });

  it('does not give a last segment whose joined tail is missing', async () => {
    const outcome = await cut(fragmentsOf(joined).slice(0, 3), { timeline: joined });
    expect(outcome.error).toMatchObject({ name: 'EarlyEndError', samples: 3 * full - 1024 });
    expect(indices(outcome)).toEqual([0, 1]);
  });

  it('says how long it was after a start in the middle', async () => {
    const [warmUp = Buffer.alloc(0)] = fragmentsOf(timeline, 1);
    const short = fragment({ number: 2, decodeTime: full, duration: 5000 });
    const outcome = await cut([warmUp, short], { timeline, from: 2 });
    expect(outcome.error).toMatchObject({ name: 'EarlyEndError', samples: 2 * full + 5000 - 1024 });
    expect(indices(outcome)).toEqual([]);
  });

  it('throws something else when the stream is cut off within a box', async () => {
    const outcome = await cut([whole[0] as Buffer, (whole[1] as Buffer).subarray(0, 100)], { timeline });
    expect(outcome.error).toBeInstanceOf(TruncatedStreamError);
    expect(indices(outcome)).toEqual([0]);
  });
});
