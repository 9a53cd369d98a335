/** The planner at work in virtual time: starts cost something, encoding goes at one speed, and clients come and go. */

import type { Job } from '../../src/encoding/job.ts';
import type { PlannedRun, PlannedRung, PlannerState, Wanted } from '../../src/encoding/plan.ts';
import { nextStep } from '../../src/encoding/planner.ts';
import { createTurnsTaken } from '../../src/encoding/turns-taken.ts';

/** A run hands out its first segment after so many ticks, and one in each tick after that: 0.05 s and 4 s of audio. */
const START_TICKS = 4;
export const TICK_SECONDS = 0.05;
const SEGMENT_SECONDS = 4;
const MIN_STRETCH = 15;

interface SimulatedRun extends PlannedRun {
  startsIn: number;
}

interface SimulatedRung extends Omit<PlannedRung, 'runs' | 'stored' | 'wanted'> {
  runs: SimulatedRun[];
  stored: Set<number>;
}

export interface SimulatedTrack {
  holder: string;
  rungs: SimulatedRung[];
  workedAt: number;
  /** Ticks; undefined as long as it is not so. */
  playableAt?: number;
  readyAt?: number;
}

/** What a client holds: a segment of a rung. */
export interface SimulatedHold {
  holder: string;
  track: SimulatedTrack;
  rung: number;
  index: number;
  since: number;
}

export function createSimulation(concurrency = 2) {
  const tracks: SimulatedTrack[] = [];
  const holds = new Set<SimulatedHold>();
  const turns = createTurnsTaken();
  let now = 0;
  let lastId = 0;

  const wantedOf = (track: SimulatedTrack, rung: number): Wanted[] =>
    [...holds]
      .filter((hold) => hold.track === track && hold.rung === rung)
      .map((hold) => ({ ...hold, servedAt: turns.servedAt(hold.holder) }));

  const stateOf = (active: SimulatedTrack[]): PlannerState => {
    const due = turns.due(jobsOf(active));
    return {
      ...{ concurrency, minStretch: MIN_STRETCH, lastUrgency: turns.lastUrgency },
      tracks: active.map((track) => ({
        ...{ holder: track.holder, servedAt: turns.servedAt(track.holder), isAwaited: false },
        ...{ segmentSeconds: SEGMENT_SECONDS, isDue: due !== undefined && due === jobOf(track) },
        rungs: track.rungs.map((rung, at) => ({ ...rung, wanted: wantedOf(track, at) })),
      })),
    };
  };
  // All that turns are told of a job is here; of its runs only how many there are.
  const jobs = new Map<SimulatedTrack, Job>();
  const jobOf = (track: SimulatedTrack): Job => {
    const known = jobs.get(track);
    if (known) return known;
    const job = {
      get rungs() {
        return track.rungs.map(({ runs }) => ({ runs: { size: runs.length } }));
      },
      workedAt: 0,
    } as unknown as Job;
    jobs.set(track, job);
    return job;
  };
  const jobsOf = (active: SimulatedTrack[]) => active.map(jobOf);

  const plan = () => {
    for (;;) {
      const active = tracks.filter(({ readyAt }) => readyAt === undefined);
      const state = stateOf(active);
      const step = nextStep(state);
      if (!step) return;
      if (step.turn) turns.take(step.turn);
      else if (state.tracks[step.track]?.isDue) turns.dueServed();
      for (const { rungs } of active)
        for (const rung of rungs) rung.runs = rung.runs.filter(({ id }) => id !== step.stop);
      const rung = active[step.track]?.rungs[step.rung] as SimulatedRung;
      for (const run of rung.runs) if (run.next < step.from && run.until > step.from) run.until = step.from;
      const { from: next, until } = step;
      const reach = 1 / TICK_SECONDS;
      const run = { id: ++lastId, next, until, published: 0, reach, isStalled: false };
      rung.runs.push({ ...run, startsIn: START_TICKS });
    }
  };

  const work = (track: SimulatedTrack) => {
    for (const rung of track.rungs) {
      for (const run of rung.runs) {
        if (--run.startsIn > 0) continue;
        rung.stored.add(run.next++);
        run.published++;
        turns.worked(jobOf(track), SEGMENT_SECONDS);
      }
      rung.runs = rung.runs.filter(({ next, until }) => next < until && !rung.stored.has(next));
    }
    const every = (is: (rung: SimulatedRung) => boolean) => track.rungs.every(is);
    if (every(({ stored }) => stored.has(0))) track.playableAt ??= now;
    if (every(({ stored, segmentCount }) => stored.size === segmentCount)) track.readyAt ??= now;
  };

  return {
    get now() {
      return now;
    },
    tracks,
    holds,
    add(minutes: number, holder = 'uploader', rungs = 3): SimulatedTrack {
      const segmentCount = Math.ceil((minutes * 60) / SEGMENT_SECONDS);
      const rung = (isMain: boolean): SimulatedRung => ({
        ...{ isMain, segmentCount, isSequential: false },
        ...{ stored: new Set(), runs: [] },
      });
      const track = {
        ...{ holder, workedAt: 0 },
        rungs: Array.from({ length: rungs }, (_, at) => rung(at === 1 % rungs)),
      };
      tracks.push(track);
      turns.join(jobOf(track));
      return track;
    },
    /** One tick; what is held and stored by then is answered. */
    tick() {
      plan();
      now++;
      for (const track of tracks) if (track.readyAt === undefined) work(track);
      for (const hold of holds) if (hold.track.rungs[hold.rung]?.stored.has(hold.index)) holds.delete(hold);
    },
  };
}

export type Simulation = ReturnType<typeof createSimulation>;
