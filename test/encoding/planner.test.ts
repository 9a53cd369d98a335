/** Which run starts next, by table. */
import { describe, expect, it } from 'vitest';
import type { PlannedRun, PlannedRung, PlannedTrack, PlannerState, Wanted } from '../../src/encoding/plan.ts';
import { nextStep } from '../../src/encoding/planner.ts';

const COUNT = 100;

/** A rung of a hundred segments of which none is stored, wanted or under way. */
function rung(
  changes: Partial<Omit<PlannedRung, 'stored' | 'wanted'>> & { stored?: number[]; wanted?: number[] } = {},
): PlannedRung {
  const { stored = [], wanted = [], ...rest } = changes;
  return {
    ...{ isMain: true, segmentCount: COUNT, runs: [], isSequential: false },
    wanted: waits(...wanted),
    ...rest,
    stored: new Set(stored),
  };
}

/** Segments that are waited for, each by another client, the longest wait first. */
const waits = (...indexes: number[]): Wanted[] =>
  indexes.map((index, since) => ({ index, since, holder: `client ${since}`, servedAt: 0 }));

let lastId = 0;
function run(next: number, until: number, changes: Partial<PlannedRun> = {}): PlannedRun {
  return { id: ++lastId, next, until, published: 5, reach: 10, isStalled: false, ...changes };
}

const range = (from: number, until: number) => Array.from({ length: until - from }, (_, n) => from + n);

function track(rungs: PlannedRung[], changes: Partial<PlannedTrack> = {}): PlannedTrack {
  const nobody = { holder: 'uploader', servedAt: 0, isAwaited: false, isDue: false };
  return { ...nobody, segmentSeconds: 4, rungs, ...changes };
}

/** Each rung is a track. */
function state(rungs: PlannedRung[], changes: Partial<PlannerState> = {}): PlannerState {
  const rest = { concurrency: 2, minStretch: 20, lastUrgency: undefined };
  return { ...rest, tracks: rungs.map((one) => track([one])), ...changes };
}

describe('with a free worker', () => {
  it.each<[string, PlannedRung[], object | undefined]>([
    ['nothing to do', [], undefined],
    ['all is stored', [rung({ stored: range(0, COUNT) })], undefined],
    ['a new track: its first segment', [rung()], { track: 0, rung: 0, from: 0, until: 1 }],
    ['a short one: all of it', [rung({ segmentCount: 20 })], { track: 0, rung: 0, from: 0, until: 20 }],
    [
      'a gap ends where something is stored',
      [rung({ stored: [0, 40, 41] })],
      { track: 0, rung: 0, from: 1, until: 40 },
    ],
    [
      'after a restart: the first gap',
      [rung({ stored: range(0, 60) })],
      { track: 0, rung: 0, from: 60, until: 100 },
    ],
    [
      'the first segment of a younger track comes before the rest of an older one',
      [rung({ stored: range(0, 60) }), rung()],
      { track: 1, rung: 0, from: 0, until: 1 },
    ],
    [
      'the gap of the older track, where both have as much left',
      [rung({ stored: [0] }), rung({ stored: [0] })],
      { track: 0, rung: 0, from: 1, until: 100 },
    ],
    [
      'the gap of the younger track, where that has less left',
      [rung({ stored: [0] }), rung({ stored: [0, 50] })],
      { track: 1, rung: 0, from: 1, until: 50 },
    ],
    [
      'the main rung of the track with the least left is halved before another track gets a worker',
      [rung({ runs: [run(5, 100)], stored: range(0, 5) }), rung({ stored: [0] })],
      { track: 0, rung: 0, from: 53, until: 100 },
    ],
    [
      'but a gap that no run fills comes before halving one of another track',
      [
        rung({ runs: [run(70, 100)], stored: range(0, 70) }),
        rung({ stored: [0], runs: [run(1, 100)] }),
        rung({ stored: [0] }),
      ],
      { track: 2, rung: 0, from: 1, until: 100 },
    ],
    [
      'one track alone: the rest of its stretch is halved, so that it uses every core',
      [rung({ runs: [run(1, 100)], stored: [0] })],
      { track: 0, rung: 0, from: 51, until: 100 },
    ],
    [
      'but not where a half is not worth a run',
      [rung({ runs: [run(61, 100)], stored: range(0, 61) })],
      undefined,
    ],
    [
      'a segment that somebody waits for, far from any run, and what is worth a run',
      [rung({ runs: [run(10, 100)], stored: range(0, 10), wanted: [70] })],
      { track: 0, rung: 0, from: 70, until: 90 },
    ],
    [
      'it ends where another run begins',
      [rung({ runs: [run(40, 100), run(3, 20)], stored: range(0, 3), wanted: [30] })],
      { track: 0, rung: 0, from: 30, until: 40 },
    ],
  ])('%s', (_case, rungs, expected) => {
    // A third worker, where two are busy in the case.
    const concurrency = Math.max(2, rungs.flatMap(({ runs }) => runs).length + 1);
    const step = nextStep(state(rungs, { concurrency }));
    if (expected === undefined) expect(step).toBeUndefined();
    else expect(step).toMatchObject(expected);
  });

  it('what a run reaches within about a second is waited for', () => {
    const reached = rung({ runs: [run(10, 100, { reach: 12 })], stored: range(0, 10), wanted: [21] });
    expect(nextStep(state([reached], { minStretch: 100 }))).toBeUndefined();
    const beyond = rung({ runs: [run(10, 100, { reach: 12 })], stored: range(0, 10), wanted: [22] });
    expect(nextStep(state([beyond], { minStretch: 100 }))).toMatchObject({ from: 22 });
  });

  it('what is stored meanwhile is wanted no more', () => {
    const one = rung({ runs: [run(10, 100)], stored: [...range(0, 10), 80], wanted: [80] });
    expect(nextStep(state([one], { minStretch: 100 }))).toBeUndefined();
  });

  it('who has waited longest comes first, of whatever track', () => {
    const [old, young] = [rung({ stored: [0] }), rung({ stored: [0] })];
    const waiting = [
      { ...old, wanted: [{ ...(waits(30)[0] as Wanted), since: 9 }] },
      { ...young, wanted: [{ ...(waits(50)[0] as Wanted), since: 7 }] },
    ];
    expect(nextStep(state(waiting))).toMatchObject({ track: 1, from: 50 });
    expect(nextStep(state([rung({ stored: [0], wanted: [90, 30] })]))).toMatchObject({ from: 90 });
  });
});

describe('turns', () => {
  const wanting = (index: number, servedAt: number): PlannedRung => ({
    ...rung({ stored: [0] }),
    wanted: [{ index, since: index, holder: `${index}`, servedAt }],
  });

  it('a client that had one comes after one that had none, however long it has waited', () => {
    const waiting = state([wanting(10, 3), wanting(50, 1)]);
    expect(nextStep(waiting)).toMatchObject({ track: 1, turn: { urgency: 'segment', holder: '50' } });
  });

  it('so it is with those who upload', () => {
    const uploads = [track([rung()], { holder: 'flood', servedAt: 7 }), track([rung()], { holder: 'new' })];
    expect(nextStep(state([], { tracks: uploads }))).toMatchObject({
      track: 1,
      turn: { urgency: 'start', holder: 'new' },
    });
  });

  it('segments that are asked for and first segments follow each other', () => {
    const both = state([wanting(10, 3), rung()]);
    expect(nextStep({ ...both, lastUrgency: 'start' })).toMatchObject({ track: 0, from: 10 });
    expect(nextStep({ ...both, lastUrgency: 'segment' })).toMatchObject({ track: 1, from: 0 });
    expect(nextStep({ ...state([wanting(10, 3)]), lastUrgency: 'segment' })).toMatchObject({ from: 10 });
  });
});

describe('a run that yields, beside a busy neighbour', () => {
  const stalled = (next: number, changes: Partial<PlannedRun> = {}) =>
    run(next, 100, { isStalled: true, id: 9, ...changes });

  it('gives its place to one that does not, where a client waits for what it is about to make', () => {
    const wanted = rung({ runs: [stalled(10)], stored: range(0, 10), wanted: [10] });
    const step = { from: 10, until: 30, isWaited: true, stop: 9 };
    expect(nextStep(state([wanted]))).toMatchObject(step);
    expect(nextStep(state([wanted], { concurrency: 1 }))).toMatchObject(step);
  });

  it('ends where that one begins, where the client waits for something further on', () => {
    const wanted = rung({ runs: [stalled(10)], stored: range(0, 10), wanted: [14] });
    const step = nextStep(state([wanted]));
    expect(step).toMatchObject({ from: 14, until: 34, isWaited: true });
    expect(step).not.toHaveProperty('stop');
  });

  it('is stopped for a new track, though it has made nothing yet', () => {
    const old = rung({ runs: [stalled(10, { published: 0 })], stored: range(0, 10) });
    expect(nextStep(state([old, rung()], { concurrency: 1 }))).toMatchObject({ track: 1, from: 0, stop: 9 });
  });

  it('is replaced where a client waits until its track is ready, in the main rung only', () => {
    const waiting = (isMain: boolean) =>
      state([], {
        tracks: [track([rung({ isMain, stored: [0], runs: [stalled(1)] })], { isAwaited: true })],
        concurrency: 1,
      });
    expect(nextStep(waiting(true))).toMatchObject({ from: 1, until: 100, isWaited: true, stop: 9 });
    const [other] = waiting(false).tracks;
    const tracks = [track([rung({ stored: range(0, COUNT) }), ...(other?.rungs ?? [])], { isAwaited: true })];
    expect(nextStep(state([], { tracks, concurrency: 1 }))).toBeUndefined();
  });
});

describe('a track that a client waits for', () => {
  it('is encoded by runs that do not yield, its main rung only', () => {
    const ladder = (changes: Partial<PlannedTrack>) => {
      const others = rung({ isMain: false, stored: [0] });
      return state([], { tracks: [track([others, rung({ stored: [0], runs: [run(70, 90)] })], changes)] });
    };
    expect(nextStep(ladder({ isAwaited: true }))).toMatchObject({ rung: 1, from: 1, isWaited: true });
    expect(nextStep(ladder({}))).toMatchObject({ rung: 1, from: 1, isWaited: false });
    const tracks = [track([rung()], { isAwaited: true })];
    expect(nextStep(state([], { tracks }))).toMatchObject({ from: 0, until: 100, isWaited: true });
  });
});

describe('a ladder', () => {
  const main = rung;
  const other = (changes: Parameters<typeof rung>[0] = {}) => rung({ isMain: false, ...changes });
  const ladders = (...tracks: PlannedRung[][]): PlannerState => ({
    ...state([], { concurrency: 1 + tracks.flat().flatMap(({ runs }) => runs).length }),
    tracks: tracks.map((rungs) => track(rungs)),
  });
  const all = range(0, COUNT);

  it.each<[string, PlannerState, object | undefined]>([
    [
      'begins with the main rung, wherever it is',
      ladders([other(), main(), other()]),
      { rung: 1, from: 0, until: 1 },
    ],
    [
      'goes on with the first segment alone of each of the others',
      ladders([other(), main({ runs: [run(0, 1)] }), other()]),
      { rung: 0, from: 0, until: 1 },
    ],
    [
      'before any second one',
      ladders([other({ stored: [0] }), main({ stored: [0] }), other()]),
      { rung: 2, from: 0, until: 1 },
    ],
    [
      'of any track, the oldest first',
      ladders([other({ stored: [0] }), main({ stored: [0] })], [other(), main()]),
      { track: 1, rung: 1, from: 0, until: 1 },
    ],
    [
      'then with the rest of the main rung, on every core',
      ladders([other({ stored: [0] }), main({ stored: [0], runs: [run(1, 100)] })]),
      { rung: 1, from: 51, until: 100 },
    ],
    [
      'then with its others, before any other track that has more left',
      ladders(
        [other({ stored: [0] }), main({ stored: range(0, 90), runs: [run(90, 100)] })],
        [other({ stored: [0] }), main({ stored: [0] })],
      ),
      { track: 0, rung: 0, from: 1, until: 100 },
    ],
    [
      'and of the others of two tracks with that which has less left',
      ladders(
        [other({ stored: [0] }), main({ stored: all })],
        [other({ stored: range(0, 9) }), main({ stored: all })],
      ),
      { track: 1, rung: 0, from: 9, until: 100 },
    ],
    [
      'of which the rest is halved as well',
      ladders([other({ stored: [0], runs: [run(1, 100)] }), main({ stored: all })]),
      { rung: 0, from: 51, until: 100 },
    ],
    [
      'and what somebody waits for comes first in every rung',
      ladders([other({ stored: [0], wanted: [40] }), main({ stored: [0] })]),
      { rung: 0, from: 40, until: 60 },
    ],
  ])('%s', (_case, ladder, expected) => {
    expect(nextStep(ladder)).toMatchObject({ track: 0, ...expected });
  });

  const busy = (...tracks: PlannedTrack[]): PlannerState => ({
    ...state([]),
    concurrency: tracks.flatMap(({ rungs }) => rungs).flatMap(({ runs }) => runs).length,
    tracks,
  });
  const song = (changes: Partial<PlannedTrack> = {}) =>
    track([main({ segmentCount: 60, stored: [0] }), other({ segmentCount: 60, stored: [0] })], changes);
  const book = (changes: Partial<PlannedRun>, wanted: number[] = []) =>
    track([main({ segmentCount: 9000, stored: [0], runs: [run(30, 9000, { id: 7, ...changes })], wanted })]);

  it('a run gives way to a track that has less left, once it has paid for its start', () => {
    expect(nextStep(busy(book({ published: 19 }), song()))).toBeUndefined();
    const step = { track: 1, rung: 0, from: 1, until: 60, stop: 7, isWaited: false };
    expect(nextStep(busy(book({ published: 20 }), song()))).toMatchObject(step);
  });

  it('but not as long as it serves somebody', () => {
    expect(nextStep(busy(book({ published: 29 }, [32]), song()))).toBeUndefined();
  });

  it('nor to a track that has hardly less left', () => {
    const going = track([main({ stored: [0], runs: [run(50, 100, { published: 49 })] })]);
    const [most, least] = [rung({ stored: range(0, 15) }), rung({ stored: range(0, 25) })];
    expect(nextStep(busy(going, track([most])))).toBeUndefined();
    expect(nextStep(busy(going, track([least])))).toMatchObject({ track: 1 });
  });

  it('nor to another rung of its own track', () => {
    const old = other({ stored: [0], runs: [run(50, 100, { published: 49 })] });
    expect(nextStep(busy(track([old, other({ stored: [0] }), main({ stored: all })])))).toBeUndefined();
  });

  it('to a track that is due it gives way whatever is left, and that one comes first', () => {
    const due = track([main({ segmentCount: 9000, stored: [0] })], { isDue: true });
    const short = track([main({ stored: [0], runs: [run(50, 100, { published: 49, id: 8 })] })]);
    expect(nextStep(busy(due, short))).toMatchObject({ track: 0, from: 1, stop: 8 });
    expect(nextStep({ ...busy(due, short), concurrency: 2 })).toMatchObject({ track: 0, from: 1 });
  });

  it('room for what is urgent is made by a rung that is not the main one, of the track with the most left', () => {
    const ladder = (segmentCount: number, id: number) =>
      track([
        other({ segmentCount, stored: range(0, 5), runs: [run(5, segmentCount, { id })] }),
        main({ segmentCount, stored: range(0, 5), runs: [run(5, segmentCount, { id: id + 1 })] }),
      ]);
    const state = busy(ladder(200, 1), ladder(100, 3));
    expect(nextStep({ ...state, tracks: [...state.tracks, track([main()])] })).toMatchObject({ stop: 1 });
  });
});

describe('without a free worker', () => {
  const old = () => rung({ runs: [run(10, 50, { id: 1 }), run(60, 100, { id: 2 })], stored: range(0, 10) });

  it('nothing is stopped for what nobody waits for', () => {
    expect(nextStep(state([old(), rung({ stored: [0] })]))).toBeUndefined();
  });

  it('a segment that somebody waits for stops the least wanted run', () => {
    const wanting = { ...old(), wanted: waits(30) };
    expect(nextStep(state([wanting]))).toMatchObject({ track: 0, rung: 0, from: 30, until: 50, stop: 2 });
  });

  it('the first segment of a new track stops a run that nobody waits for', () => {
    expect(nextStep(state([old(), rung()]))).toMatchObject({ track: 1, rung: 0, from: 0, until: 1, stop: 2 });
  });

  it('the run of the youngest track is stopped, where both have as much left', () => {
    const rungs = [
      rung({ runs: [run(5, 100, { id: 1 })], stored: range(0, 5) }),
      rung({ runs: [run(5, 100, { id: 2 })], stored: range(0, 5) }),
    ];
    expect(nextStep(state([...rungs, rung()]))).toMatchObject({ track: 2, stop: 2 });
  });

  it('a run that serves somebody is not stopped', () => {
    const serving = rung({
      runs: [run(10, 50, { id: 1 }), run(60, 100, { id: 2 })],
      stored: range(0, 10),
      wanted: [62, 30],
    });
    expect(nextStep(state([serving]))).toMatchObject({ from: 30, stop: 1 });
    const both = { ...serving, wanted: waits(12, 62, 30) };
    expect(nextStep(state([both]))).toBeUndefined();
  });

  it('a run does not serve what it will never make', () => {
    const ending = rung({
      runs: [run(15, 20, { id: 1, reach: 10 })],
      stored: range(0, 15),
      wanted: [22],
    });
    expect(nextStep(state([ending], { concurrency: 1 }))).toMatchObject({ from: 22, stop: 1 });
  });

  it('a run that has made nothing yet is not stopped', () => {
    const fresh = rung({
      runs: [run(10, 50, { published: 0 }), run(60, 100, { published: 0 })],
      stored: range(0, 10),
      wanted: [30],
    });
    expect(nextStep(state([fresh]))).toBeUndefined();
  });
});

describe('a source that cannot be sought in', () => {
  it('has one run at a time, from its first gap on', () => {
    const none = rung({ isSequential: true, stored: range(0, 7), wanted: [80] });
    expect(nextStep(state([none]))).toMatchObject({ from: 7, until: 81 });
    const one = rung({ isSequential: true, stored: range(0, 7), runs: [run(7, 100)], wanted: [80] });
    expect(nextStep(state([one]))).toBeUndefined();
  });

  it('is not stopped for another such one as soon as it has begun', () => {
    const other = rung({ isSequential: true, stored: [0], wanted: [70] });
    const going = (published: number) =>
      rung({
        isSequential: true,
        stored: [0],
        runs: [run(published + 1, 100, { published, id: 3 })],
        wanted: [80],
      });
    expect(nextStep(state([going(19), other], { concurrency: 1 }))).toBeUndefined();
    expect(nextStep(state([going(20), other], { concurrency: 1 }))).toMatchObject({ track: 1, stop: 3 });
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
        ...{ segmentCount, isMain: at === main, isSequential: false },
        stored: new Set(range(0, segmentCount).filter(() => random(3) === 0)),
        runs: [] as PlannedRun[],
        wanted: [] as Wanted[],
        made: [] as number[],
      }));
    });
    const rungs = tracks.flat();
    const before = rungs.map(({ stored }) => new Set(stored));
    for (let turn = 0; turn < 5000; turn++) {
      for (const one of rungs) {
        const asked = random(one.segmentCount);
        if (random(10) === 0 && !one.stored.has(asked))
          one.wanted.push({ index: asked, since: turn, holder: `${turn}`, servedAt: 0 });
        one.wanted = one.wanted.filter(({ index }) => !one.stored.has(index));
        for (const each of one.runs) each.isStalled = random(20) === 0;
      }
      const step = nextStep({
        ...{ concurrency: 2, minStretch: 5, lastUrgency: turn % 2 ? 'segment' : 'start' },
        tracks: tracks.map((ladder, at) => track(ladder, { isDue: turn % 7 === at })),
      });
      if (step) {
        const one = tracks[step.track]?.[step.rung] as (typeof rungs)[number];
        for (const other of rungs) other.runs = other.runs.filter(({ id }) => id !== step.stop);
        for (const other of one.runs)
          if (other.next < step.from && other.until > step.from) other.until = step.from;
        expect(one.stored.has(step.from)).toBe(false);
        one.runs.push(run(step.from, step.until, { published: 0, reach: 3 }));
        expect(rungs.flatMap(({ runs }) => runs).length).toBeLessThanOrEqual(2);
        continue;
      }
      for (const one of rungs) {
        for (const each of one.runs) {
          one.made.push(each.next);
          one.stored.add(each.next);
          each.next++;
          each.published++;
        }
        one.runs = one.runs.filter((each) => each.next < each.until && !one.stored.has(each.next));
      }
      if (rungs.every(({ stored, segmentCount }) => stored.size === segmentCount)) break;
    }
    for (const [at, { stored, segmentCount, made }] of rungs.entries()) {
      expect(stored.size).toBe(segmentCount);
      expect(new Set(made).size).toBe(made.length);
      for (const index of made) expect(before[at]?.has(index)).toBe(false);
    }
  }
});
