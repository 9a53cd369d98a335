/** Which run starts next, by table. */
import { describe, expect, it } from 'vitest';
import {
  nextStep,
  type PlannedRun,
  type PlannedRung,
  type PlannerState,
  type Wanted,
} from '../../src/media/planner.ts';

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

/** Segments that are waited for, the longest wait first. */
const waits = (...indexes: number[]) => indexes.map((index, since) => ({ index, since }));

let lastId = 0;
function run(next: number, until: number, changes: Partial<PlannedRun> = {}): PlannedRun {
  return { id: ++lastId, next, until, published: 5, reach: 10, ...changes };
}

const range = (from: number, until: number) => Array.from({ length: until - from }, (_, n) => from + n);

function state(rungs: PlannedRung[], changes: Partial<PlannerState> = {}): PlannerState {
  return { tracks: rungs.map((one) => ({ rungs: [one] })), concurrency: 2, minStretch: 20, ...changes };
}

describe('with a free worker', () => {
  it.each<[string, PlannedRung[], object | undefined]>([
    ['nothing to do', [], undefined],
    ['all is stored', [rung({ stored: range(0, COUNT) })], undefined],
    ['a new track: from its first segment to its end', [rung()], { track: 0, rung: 0, from: 0, until: 100 }],
    [
      'a gap ends where something is stored',
      [rung({ stored: [40, 41] })],
      { track: 0, rung: 0, from: 0, until: 40 },
    ],
    [
      'after a restart: the first gap',
      [rung({ stored: range(0, 60) })],
      { track: 0, rung: 0, from: 60, until: 100 },
    ],
    [
      'the first segment of a younger track comes before the rest of an older one',
      [rung({ stored: range(0, 60) }), rung()],
      { track: 1, rung: 0, from: 0, until: 100 },
    ],
    [
      'the gap of the older track, where both have their first segment',
      [rung({ stored: [0] }), rung({ stored: [0] })],
      { track: 0, rung: 0, from: 1, until: 100 },
    ],
    [
      'a gap that no run fills comes before halving one that a run fills',
      [rung({ runs: [run(5, 100)], stored: range(0, 5) }), rung({ stored: [0] })],
      { track: 1, rung: 0, from: 1, until: 100 },
    ],
    [
      'one track alone: the rest of its stretch is halved, so that it uses every core',
      [rung({ runs: [run(0, 100)] })],
      { track: 0, rung: 0, from: 50, until: 100 },
    ],
    [
      'but not where a half is not worth a run',
      [rung({ runs: [run(61, 100)], stored: range(0, 61) })],
      undefined,
    ],
    [
      'a segment that somebody waits for, far from any run',
      [rung({ runs: [run(10, 100)], stored: range(0, 10), wanted: [80] })],
      { track: 0, rung: 0, from: 80, until: 100 },
    ],
    [
      'it ends where another run begins',
      [rung({ runs: [run(60, 100), run(3, 20)], stored: range(0, 3), wanted: [30] })],
      { track: 0, rung: 0, from: 30, until: 60 },
    ],
  ])('%s', (_case, rungs, expected) => {
    // A third worker, where two are busy in the case.
    const concurrency = Math.max(2, rungs.flatMap(({ runs }) => runs).length + 1);
    const step = nextStep(state(rungs, { concurrency }));
    if (expected === undefined) expect(step).toBeUndefined();
    else expect(step).toEqual(expected);
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
      { ...old, wanted: [{ index: 30, since: 9 }] },
      { ...young, wanted: [{ index: 50, since: 7 }] },
    ];
    expect(nextStep(state(waiting))).toMatchObject({ track: 1, from: 50 });
    expect(nextStep(state([rung({ stored: [0], wanted: [90, 30] })]))).toMatchObject({ from: 90 });
  });
});

describe('a ladder', () => {
  const main = rung;
  const other = (changes: Parameters<typeof rung>[0] = {}) => rung({ isMain: false, ...changes });
  const ladders = (...tracks: PlannedRung[][]): PlannerState => ({
    ...state([], { concurrency: 1 + tracks.flat().flatMap(({ runs }) => runs).length }),
    tracks: tracks.map((rungs) => ({ rungs })),
  });
  const all = range(0, COUNT);

  it.each<[string, PlannerState, object | undefined]>([
    [
      'begins with the main rung, wherever it is',
      ladders([other(), main(), other()]),
      { rung: 1, from: 0, until: 100 },
    ],
    [
      'goes on with the first segment alone of each of the others',
      ladders([other(), main({ runs: [run(0, 100)] }), other()]),
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
      { track: 1, rung: 1, from: 0, until: 100 },
    ],
    [
      'then with the rest of the main rung, on every core',
      ladders([other({ stored: [0] }), main({ stored: [0], runs: [run(1, 100)] })]),
      { rung: 1, from: 51, until: 100 },
    ],
    [
      'then with that of the other tracks',
      ladders(
        [other({ stored: [0] }), main({ stored: range(0, 90), runs: [run(90, 100)] })],
        [other({ stored: [0] }), main({ stored: [0] })],
      ),
      { track: 1, rung: 1, from: 1, until: 100 },
    ],
    [
      'then with the others, the oldest track first',
      ladders(
        [other({ stored: [0] }), main({ stored: all })],
        [other({ stored: [0] }), main({ stored: all })],
      ),
      { track: 0, rung: 0, from: 1, until: 100 },
    ],
    [
      'of which the rest is halved as well',
      ladders([other({ stored: [0], runs: [run(1, 100)] }), main({ stored: all })]),
      { rung: 0, from: 51, until: 100 },
    ],
    [
      'and what somebody waits for comes first in every rung',
      ladders([other({ stored: [0], wanted: [40] }), main({ stored: [0] })]),
      { rung: 0, from: 40, until: 100 },
    ],
  ])('%s', (_case, ladder, expected) => {
    expect(nextStep(ladder)).toMatchObject({ track: 0, ...expected });
  });

  const busy = (...rungs: PlannedRung[]): PlannerState => ({
    ...state([]),
    concurrency: rungs.flatMap(({ runs }) => runs).length,
    tracks: [{ rungs }],
  });

  it('a run of another rung gives way to a main one, once it has paid for its start', () => {
    const waiting = main({ stored: [0] });
    const early = other({ stored: [0], runs: [run(20, 100, { published: 19 })] });
    expect(nextStep(busy(early, waiting))).toBeUndefined();
    const paid = other({ stored: [0], runs: [run(21, 100, { published: 20, id: 7 })] });
    expect(nextStep(busy(paid, waiting))).toMatchObject({ rung: 1, from: 1, until: 100, stop: 7 });
  });

  it('but not as long as it serves somebody', () => {
    const serving = other({ stored: [0], runs: [run(30, 100, { published: 29 })], wanted: [32] });
    expect(nextStep(busy(serving, main({ stored: [0] })))).toBeUndefined();
  });

  it('and never to another rung', () => {
    const old = other({ stored: [0], runs: [run(50, 100, { published: 49 })] });
    expect(nextStep(busy(old, other({ stored: [0] }), main({ stored: all })))).toBeUndefined();
  });

  it('room for what is urgent is made by a rung that is not the main one', () => {
    const [mine, theirs] = [run(5, 100, { id: 1 }), run(5, 100, { id: 2 })];
    const rungs = [
      other({ stored: range(0, 5), runs: [theirs] }),
      main({ stored: range(0, 5), runs: [mine] }),
    ];
    expect(nextStep({ ...busy(...rungs), tracks: [{ rungs }, { rungs: [main()] }] })).toMatchObject({
      stop: 2,
    });
  });
});

describe('without a free worker', () => {
  const old = () => rung({ runs: [run(10, 50, { id: 1 }), run(60, 100, { id: 2 })], stored: range(0, 10) });

  it('nothing is stopped for what nobody waits for', () => {
    expect(nextStep(state([old(), rung({ stored: [0] })]))).toBeUndefined();
  });

  it('a segment that somebody waits for stops the least wanted run', () => {
    const wanting = { ...old(), wanted: waits(30) };
    expect(nextStep(state([wanting]))).toEqual({ track: 0, rung: 0, from: 30, until: 60, stop: 2 });
  });

  it('the first segment of a new track stops a run that nobody waits for', () => {
    expect(nextStep(state([old(), rung()]))).toEqual({ track: 1, rung: 0, from: 0, until: 100, stop: 2 });
  });

  it('the run of the youngest track is stopped, for the oldest is to be ready first', () => {
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
    expect(nextStep(state([none]))).toMatchObject({ from: 7, until: 100 });
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
        if (random(10) === 0 && !one.stored.has(asked)) one.wanted.push({ index: asked, since: turn });
        one.wanted = one.wanted.filter(({ index }) => !one.stored.has(index));
      }
      const step = nextStep({
        ...{ concurrency: 2, minStretch: 5 },
        tracks: tracks.map((ladder) => ({ rungs: ladder })),
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
