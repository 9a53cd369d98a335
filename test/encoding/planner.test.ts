/** Which run starts next, by table. */
import { describe, expect, it } from 'vitest';
import type {
  PlannedRendition,
  PlannedRun,
  PlannedTrack,
  PlannerState,
  Wanted,
} from '../../src/encoding/plan.ts';
import { nextStep } from '../../src/encoding/planner.ts';

const COUNT = 100;
let lastId = 0;

/** The next step, with the places of its track and rendition in the state. */
function stepIn(state: PlannerState) {
  const step = nextStep(state);
  if (!step) return undefined;
  const rendition = step.track.renditions.indexOf(step.rendition);
  return { ...step, track: state.tracks.indexOf(step.track), rendition };
}

/** A rendition of a hundred segments of which none is stored, wanted or under way. */
function rendition(
  changes: Partial<Omit<PlannedRendition, 'stored' | 'wanted'>> & {
    stored?: number[];
    wanted?: number[];
  } = {},
): PlannedRendition {
  const { stored = [], wanted = [], ...rest } = changes;
  return {
    id: `rendition ${++lastId}`,
    isMain: true,
    segmentCount: COUNT,
    runs: [],
    isSequential: false,
    wanted: waits(...wanted),
    ...rest,
    stored: new Set(stored),
  };
}

/** Segments that are waited for, each by another client, the longest wait first. */
const waits = (...indexes: number[]): Wanted[] =>
  indexes.map((index, since) => ({ index, since, holder: `client ${since}`, servedAt: 0 }));

function run(next: number, until: number, changes: Partial<PlannedRun> = {}): PlannedRun {
  return { id: ++lastId, next, until, published: 5, reach: 10, isStalled: false, ...changes };
}

const range = (from: number, until: number) => Array.from({ length: until - from }, (_, n) => from + n);

function track(renditions: PlannedRendition[], changes: Partial<PlannedTrack> = {}): PlannedTrack {
  const nobody = { filename: 'song.mp3', holder: 'uploader', servedAt: 0, isAwaited: false, isDue: false };
  return { ...nobody, segmentSeconds: 4, renditions, ...changes };
}

/** Each rendition is a track. */
function state(renditions: PlannedRendition[], changes: Partial<PlannerState> = {}): PlannerState {
  const rest = { concurrency: 2, minStretch: 20, lastUrgency: undefined };
  return { ...rest, tracks: renditions.map((one) => track([one])), ...changes };
}

describe('with a free worker', () => {
  it.each<[string, PlannedRendition[], object | undefined]>([
    ['nothing to do', [], undefined],
    ['all is stored', [rendition({ stored: range(0, COUNT) })], undefined],
    ['a new track: its first segment', [rendition()], { track: 0, rendition: 0, from: 0, until: 1 }],
    [
      'a short one: all of it',
      [rendition({ segmentCount: 20 })],
      { track: 0, rendition: 0, from: 0, until: 20 },
    ],
    [
      'a gap ends where something is stored',
      [rendition({ stored: [0, 40, 41] })],
      { track: 0, rendition: 0, from: 1, until: 40 },
    ],
    [
      'after a restart: the first gap',
      [rendition({ stored: range(0, 60) })],
      { track: 0, rendition: 0, from: 60, until: 100 },
    ],
    [
      'the first segment of a younger track comes before the rest of an older one',
      [rendition({ stored: range(0, 60) }), rendition()],
      { track: 1, rendition: 0, from: 0, until: 1 },
    ],
    [
      'the gap of the older track, where both have as much left',
      [rendition({ stored: [0] }), rendition({ stored: [0] })],
      { track: 0, rendition: 0, from: 1, until: 100 },
    ],
    [
      'the gap of the younger track, where that has less left',
      [rendition({ stored: [0] }), rendition({ stored: [0, 50] })],
      { track: 1, rendition: 0, from: 1, until: 50 },
    ],
    [
      'the main rendition of the track with the least left is halved before another track gets a worker',
      [rendition({ runs: [run(5, 100)], stored: range(0, 5) }), rendition({ stored: [0] })],
      { track: 0, rendition: 0, from: 53, until: 100 },
    ],
    [
      'but a gap that no run fills comes before halving one of another track',
      [
        rendition({ runs: [run(70, 100)], stored: range(0, 70) }),
        rendition({ stored: [0], runs: [run(1, 100)] }),
        rendition({ stored: [0] }),
      ],
      { track: 2, rendition: 0, from: 1, until: 100 },
    ],
    [
      'one track alone: the rest of its stretch is halved, so that it uses every core',
      [rendition({ runs: [run(1, 100)], stored: [0] })],
      { track: 0, rendition: 0, from: 51, until: 100 },
    ],
    [
      'but not where a half is not worth a run',
      [rendition({ runs: [run(61, 100)], stored: range(0, 61) })],
      undefined,
    ],
    [
      'a segment that somebody waits for, far from any run, and what is worth a run',
      [rendition({ runs: [run(10, 100)], stored: range(0, 10), wanted: [70] })],
      { track: 0, rendition: 0, from: 70, until: 90 },
    ],
    [
      'it ends where another run begins',
      [rendition({ runs: [run(40, 100), run(3, 20)], stored: range(0, 3), wanted: [30] })],
      { track: 0, rendition: 0, from: 30, until: 40 },
    ],
  ])('%s', (_case, renditions, expected) => {
    // A third worker, where two are busy in the case.
    const concurrency = Math.max(2, renditions.flatMap(({ runs }) => runs).length + 1);
    const step = stepIn(state(renditions, { concurrency }));
    if (expected === undefined) expect(step).toBeUndefined();
    else expect(step).toMatchObject(expected);
  });

  it('a segment that a run reaches within about a second is waited for', () => {
    const reached = rendition({ runs: [run(10, 100, { reach: 12 })], stored: range(0, 10), wanted: [21] });
    expect(stepIn(state([reached], { minStretch: 100 }))).toBeUndefined();
    const beyond = rendition({ runs: [run(10, 100, { reach: 12 })], stored: range(0, 10), wanted: [22] });
    expect(stepIn(state([beyond], { minStretch: 100 }))).toMatchObject({ from: 22 });
  });

  it('a segment that is stored meanwhile is wanted no more', () => {
    const one = rendition({ runs: [run(10, 100)], stored: [...range(0, 10), 80], wanted: [80] });
    expect(stepIn(state([one], { minStretch: 100 }))).toBeUndefined();
  });

  it('the client that has waited longest comes first, of whatever track', () => {
    const [old, young] = [rendition({ stored: [0] }), rendition({ stored: [0] })];
    const waiting = [
      { ...old, wanted: [{ ...(waits(30)[0] as Wanted), since: 9 }] },
      { ...young, wanted: [{ ...(waits(50)[0] as Wanted), since: 7 }] },
    ];
    expect(stepIn(state(waiting))).toMatchObject({ track: 1, from: 50 });
    expect(stepIn(state([rendition({ stored: [0], wanted: [90, 30] })]))).toMatchObject({ from: 90 });
  });
});

describe('turns', () => {
  const wanting = (index: number, servedAt: number): PlannedRendition => ({
    ...rendition({ stored: [0] }),
    wanted: [{ index, since: index, holder: `${index}`, servedAt }],
  });

  it('a client that had one comes after one that had none, however long it has waited', () => {
    const waiting = state([wanting(10, 3), wanting(50, 1)]);
    expect(stepIn(waiting)).toMatchObject({ track: 1, turn: { urgency: 'segment', holder: '50' } });
  });

  it('so it is with those who upload', () => {
    const uploads = [
      track([rendition()], { holder: 'flood', servedAt: 7 }),
      track([rendition()], { holder: 'new' }),
    ];
    expect(stepIn(state([], { tracks: uploads }))).toMatchObject({
      track: 1,
      turn: { urgency: 'start', holder: 'new' },
    });
  });

  it('segments that are asked for and first segments follow each other', () => {
    const both = state([wanting(10, 3), rendition()]);
    expect(stepIn({ ...both, lastUrgency: 'start' })).toMatchObject({ track: 0, from: 10 });
    expect(stepIn({ ...both, lastUrgency: 'segment' })).toMatchObject({ track: 1, from: 0 });
    expect(stepIn({ ...state([wanting(10, 3)]), lastUrgency: 'segment' })).toMatchObject({ from: 10 });
  });
});

describe('a run that yields, beside a busy neighbour', () => {
  const stalled = (next: number, changes: Partial<PlannedRun> = {}) =>
    run(next, 100, { isStalled: true, id: 9, ...changes });

  it('gives its place to one that does not, where a client waits for what it is about to make', () => {
    const wanted = rendition({ runs: [stalled(10)], stored: range(0, 10), wanted: [10] });
    const step = { from: 10, until: 30, isWaited: true, stop: 9 };
    expect(stepIn(state([wanted]))).toMatchObject(step);
    expect(stepIn(state([wanted], { concurrency: 1 }))).toMatchObject(step);
  });

  it('ends where that one begins, where the client waits for something further on', () => {
    const wanted = rendition({ runs: [stalled(10)], stored: range(0, 10), wanted: [14] });
    const step = stepIn(state([wanted]));
    expect(step).toMatchObject({ from: 14, until: 34, isWaited: true });
    expect(step).not.toHaveProperty('stop');
  });

  it('is stopped for a new track, though it has made nothing yet', () => {
    const old = rendition({ runs: [stalled(10, { published: 0 })], stored: range(0, 10) });
    expect(stepIn(state([old, rendition()], { concurrency: 1 }))).toMatchObject({
      track: 1,
      from: 0,
      stop: 9,
    });
  });

  it('is replaced where a client waits until its track is ready, in the main rendition only', () => {
    const waiting = (isMain: boolean) =>
      state([], {
        tracks: [track([rendition({ isMain, stored: [0], runs: [stalled(1)] })], { isAwaited: true })],
        concurrency: 1,
      });
    expect(stepIn(waiting(true))).toMatchObject({ from: 1, until: 100, isWaited: true, stop: 9 });
    const [other] = waiting(false).tracks;
    const tracks = [
      track([rendition({ stored: range(0, COUNT) }), ...(other?.renditions ?? [])], { isAwaited: true }),
    ];
    expect(stepIn(state([], { tracks, concurrency: 1 }))).toBeUndefined();
  });
});

describe('a track that a client waits for', () => {
  it('is encoded by runs that do not yield, its main rendition only', () => {
    const ladder = (changes: Partial<PlannedTrack>) => {
      const others = rendition({ isMain: false, stored: [0] });
      return state([], {
        tracks: [track([others, rendition({ stored: [0], runs: [run(70, 90)] })], changes)],
      });
    };
    expect(stepIn(ladder({ isAwaited: true }))).toMatchObject({ rendition: 1, from: 1, isWaited: true });
    expect(stepIn(ladder({}))).toMatchObject({ rendition: 1, from: 1, isWaited: false });
    const tracks = [track([rendition()], { isAwaited: true })];
    expect(stepIn(state([], { tracks }))).toMatchObject({ from: 0, until: 100, isWaited: true });
  });
});

describe('a ladder', () => {
  const main = rendition;
  const other = (changes: Parameters<typeof rendition>[0] = {}) => rendition({ isMain: false, ...changes });
  const ladders = (...tracks: PlannedRendition[][]): PlannerState => ({
    ...state([], { concurrency: 1 + tracks.flat().flatMap(({ runs }) => runs).length }),
    tracks: tracks.map((renditions) => track(renditions)),
  });
  const all = range(0, COUNT);

  it.each<[string, PlannerState, object | undefined]>([
    [
      'begins with the main rendition, wherever it is',
      ladders([other(), main(), other()]),
      { rendition: 1, from: 0, until: 1 },
    ],
    [
      'goes on with the first segment alone of each of the others',
      ladders([other(), main({ runs: [run(0, 1)] }), other()]),
      { rendition: 0, from: 0, until: 1 },
    ],
    [
      'before any second one',
      ladders([other({ stored: [0] }), main({ stored: [0] }), other()]),
      { rendition: 2, from: 0, until: 1 },
    ],
    [
      'of any track, the oldest first',
      ladders([other({ stored: [0] }), main({ stored: [0] })], [other(), main()]),
      { track: 1, rendition: 1, from: 0, until: 1 },
    ],
    [
      'then with the rest of the main rendition, on every core',
      ladders([other({ stored: [0] }), main({ stored: [0], runs: [run(1, 100)] })]),
      { rendition: 1, from: 51, until: 100 },
    ],
    [
      'then with its others, before any other track that has more left',
      ladders(
        [other({ stored: [0] }), main({ stored: range(0, 90), runs: [run(90, 100)] })],
        [other({ stored: [0] }), main({ stored: [0] })],
      ),
      { track: 0, rendition: 0, from: 1, until: 100 },
    ],
    [
      'and of the others of two tracks with that which has less left',
      ladders(
        [other({ stored: [0] }), main({ stored: all })],
        [other({ stored: range(0, 9) }), main({ stored: all })],
      ),
      { track: 1, rendition: 0, from: 9, until: 100 },
    ],
    [
      'of which the rest is halved as well',
      ladders([other({ stored: [0], runs: [run(1, 100)] }), main({ stored: all })]),
      { rendition: 0, from: 51, until: 100 },
    ],
    [
      'and what somebody waits for comes first in every rendition',
      ladders([other({ stored: [0], wanted: [40] }), main({ stored: [0] })]),
      { rendition: 0, from: 40, until: 60 },
    ],
  ])('%s', (_case, ladder, expected) => {
    expect(stepIn(ladder)).toMatchObject({ track: 0, ...expected });
  });

  const busy = (...tracks: PlannedTrack[]): PlannerState => ({
    ...state([]),
    concurrency: tracks.flatMap(({ renditions }) => renditions).flatMap(({ runs }) => runs).length,
    tracks,
  });
  const song = (changes: Partial<PlannedTrack> = {}) =>
    track([main({ segmentCount: 60, stored: [0] }), other({ segmentCount: 60, stored: [0] })], changes);
  const book = (changes: Partial<PlannedRun>, wanted: number[] = []) =>
    track([main({ segmentCount: 9000, stored: [0], runs: [run(30, 9000, { id: 7, ...changes })], wanted })]);

  it('a run gives way to a track that has less left, once it has paid for its start', () => {
    expect(stepIn(busy(book({ published: 19 }), song()))).toBeUndefined();
    const step = { track: 1, rendition: 0, from: 1, until: 60, stop: 7, isWaited: false };
    expect(stepIn(busy(book({ published: 20 }), song()))).toMatchObject(step);
  });

  it('but not as long as it serves somebody', () => {
    expect(stepIn(busy(book({ published: 29 }, [32]), song()))).toBeUndefined();
  });

  it('nor to a track that has hardly less left', () => {
    const going = track([main({ stored: [0], runs: [run(50, 100, { published: 49 })] })]);
    const [most, least] = [rendition({ stored: range(0, 15) }), rendition({ stored: range(0, 25) })];
    expect(stepIn(busy(going, track([most])))).toBeUndefined();
    expect(stepIn(busy(going, track([least])))).toMatchObject({ track: 1 });
  });

  it('nor to another rendition of its own track', () => {
    const old = other({ stored: [0], runs: [run(50, 100, { published: 49 })] });
    expect(stepIn(busy(track([old, other({ stored: [0] }), main({ stored: all })])))).toBeUndefined();
  });

  it('to a track that is due it gives way whatever is left, and that one comes first', () => {
    const due = track([main({ segmentCount: 9000, stored: [0] })], { isDue: true });
    const short = track([main({ stored: [0], runs: [run(50, 100, { published: 49, id: 8 })] })]);
    expect(stepIn(busy(due, short))).toMatchObject({ track: 0, from: 1, stop: 8 });
    expect(stepIn({ ...busy(due, short), concurrency: 2 })).toMatchObject({ track: 0, from: 1 });
  });

  it('room for what is urgent is made by a rendition that is not the main one, of the track with the most left', () => {
    const ladder = (segmentCount: number, id: number) =>
      track([
        other({ segmentCount, stored: range(0, 5), runs: [run(5, segmentCount, { id })] }),
        main({ segmentCount, stored: range(0, 5), runs: [run(5, segmentCount, { id: id + 1 })] }),
      ]);
    const state = busy(ladder(200, 1), ladder(100, 3));
    expect(stepIn({ ...state, tracks: [...state.tracks, track([main()])] })).toMatchObject({ stop: 1 });
  });
});

describe('without a free worker', () => {
  const old = () =>
    rendition({ runs: [run(10, 50, { id: 1 }), run(60, 100, { id: 2 })], stored: range(0, 10) });

  it('nothing is stopped for what nobody waits for', () => {
    expect(stepIn(state([old(), rendition({ stored: [0] })]))).toBeUndefined();
  });

  it('a segment that somebody waits for stops the least wanted run', () => {
    const wanting = { ...old(), wanted: waits(30) };
    expect(stepIn(state([wanting]))).toMatchObject({ track: 0, rendition: 0, from: 30, until: 50, stop: 2 });
  });

  it('the first segment of a new track stops a run that nobody waits for', () => {
    expect(stepIn(state([old(), rendition()]))).toMatchObject({
      track: 1,
      rendition: 0,
      from: 0,
      until: 1,
      stop: 2,
    });
  });

  it('the run of the youngest track is stopped, where both have as much left', () => {
    const renditions = [
      rendition({ runs: [run(5, 100, { id: 1 })], stored: range(0, 5) }),
      rendition({ runs: [run(5, 100, { id: 2 })], stored: range(0, 5) }),
    ];
    expect(stepIn(state([...renditions, rendition()]))).toMatchObject({ track: 2, stop: 2 });
  });

  it('a run that serves somebody is not stopped', () => {
    const serving = rendition({
      runs: [run(10, 50, { id: 1 }), run(60, 100, { id: 2 })],
      stored: range(0, 10),
      wanted: [62, 30],
    });
    expect(stepIn(state([serving]))).toMatchObject({ from: 30, stop: 1 });
    const both = { ...serving, wanted: waits(12, 62, 30) };
    expect(stepIn(state([both]))).toBeUndefined();
  });

  it('a run does not serve what it will never make', () => {
    const ending = rendition({
      runs: [run(15, 20, { id: 1, reach: 10 })],
      stored: range(0, 15),
      wanted: [22],
    });
    expect(stepIn(state([ending], { concurrency: 1 }))).toMatchObject({ from: 22, stop: 1 });
  });

  it('a run that has made nothing yet is not stopped', () => {
    const fresh = rendition({
      runs: [run(10, 50, { published: 0 }), run(60, 100, { published: 0 })],
      stored: range(0, 10),
      wanted: [30],
    });
    expect(stepIn(state([fresh]))).toBeUndefined();
  });
});

describe('a source that cannot be sought in', () => {
  it('has one run at a time, from its first gap on', () => {
    const none = rendition({ isSequential: true, stored: range(0, 7), wanted: [80] });
    expect(stepIn(state([none]))).toMatchObject({ from: 7, until: 81 });
    const one = rendition({ isSequential: true, stored: range(0, 7), runs: [run(7, 100)], wanted: [80] });
    expect(stepIn(state([one]))).toBeUndefined();
  });

  it('is not stopped for another such one as soon as it has begun', () => {
    const other = rendition({ isSequential: true, stored: [0], wanted: [70] });
    const going = (published: number) =>
      rendition({
        isSequential: true,
        stored: [0],
        runs: [run(published + 1, 100, { published, id: 3 })],
        wanted: [80],
      });
    expect(stepIn(state([going(19), other], { concurrency: 1 }))).toBeUndefined();
    expect(stepIn(state([going(20), other], { concurrency: 1 }))).toMatchObject({ track: 1, stop: 3 });
  });
});

it('from any state, its steps fill every gap and encode nothing twice', () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed % below;
  };
  for (let round = 0; round < 200; round++) {
    const tracks = Array.from({ length: 1 + random(3) }, () => {
      const segmentCount = 1 + random(60);
      const main = random(3);
      return Array.from({ length: main + 1 }, (_, at) => ({
        id: `rendition ${at}`,
        segmentCount,
        isMain: at === main,
        isSequential: false,
        stored: new Set(range(0, segmentCount).filter(() => random(3) === 0)),
        runs: [] as PlannedRun[],
        wanted: [] as Wanted[],
        made: [] as number[],
      }));
    });
    const renditions = tracks.flat();
    const before = renditions.map(({ stored }) => new Set(stored));
    for (let turn = 0; turn < 5000; turn++) {
      for (const one of renditions) {
        const asked = random(one.segmentCount);
        if (random(10) === 0 && !one.stored.has(asked))
          one.wanted.push({ index: asked, since: turn, holder: `${turn}`, servedAt: 0 });
        one.wanted = one.wanted.filter(({ index }) => !one.stored.has(index));
        for (const each of one.runs) each.isStalled = random(20) === 0;
      }
      const step = stepIn({
        ...{ concurrency: 2, minStretch: 5, lastUrgency: turn % 2 ? 'segment' : 'start' },
        tracks: tracks.map((ladder, at) => track(ladder, { isDue: turn % 7 === at })),
      });
      if (step) {
        const one = tracks[step.track]?.[step.rendition] as (typeof renditions)[number];
        for (const other of renditions) other.runs = other.runs.filter(({ id }) => id !== step.stop);
        for (const other of one.runs)
          if (other.next < step.from && other.until > step.from) other.until = step.from;
        expect(one.stored.has(step.from)).toBe(false);
        one.runs.push(run(step.from, step.until, { published: 0, reach: 3 }));
        expect(renditions.flatMap(({ runs }) => runs).length).toBeLessThanOrEqual(2);
        continue;
      }
      for (const one of renditions) {
        for (const each of one.runs) {
          one.made.push(each.next);
          one.stored.add(each.next);
          each.next++;
          each.published++;
        }
        one.runs = one.runs.filter((each) => each.next < each.until && !one.stored.has(each.next));
      }
      if (renditions.every(({ stored, segmentCount }) => stored.size === segmentCount)) break;
    }
    for (const [at, { stored, segmentCount, made }] of renditions.entries()) {
      expect(stored.size).toBe(segmentCount);
      expect(new Set(made).size).toBe(made.length);
      for (const index of made) expect(before[at]?.has(index)).toBe(false);
    }
  }
});
