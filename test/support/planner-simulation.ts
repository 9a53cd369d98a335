/** The planner at work in virtual time: starts cost something, encoding goes at one speed, and clients come and go. */
import type { PlannedRendition, PlannedRun, PlannerState, Wanted } from '../../src/encoding/plan.ts';
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

interface SimulatedRendition extends Omit<PlannedRendition, 'runs' | 'stored' | 'wanted'> {
  runs: SimulatedRun[];
  stored: Set<number>;
}

export interface SimulatedTrack {
  filename: string;
  holder: string;
  renditions: SimulatedRendition[];
  workedAt: number;
  /** Ticks; undefined as long as it is not so. */
  playableAt?: number;
  readyAt?: number;
}

/** A client that waits for a segment of a rendition. */
export interface SimulatedWait {
  holder: string;
  track: SimulatedTrack;
  rendition: number;
  index: number;
  since: number;
}

export function createSimulation(concurrency = 2) {
  const tracks: SimulatedTrack[] = [];
  const waits = new Set<SimulatedWait>();
  const turns = createTurnsTaken<SimulatedTrack>();
  let now = 0;
  let lastId = 0;

  const wantedOf = (track: SimulatedTrack, rendition: number): Wanted[] =>
    [...waits]
      .filter((wait) => wait.track === track && wait.rendition === rendition)
      .map((wait) => ({ ...wait, servedAt: turns.servedAt(wait.holder) }));

  const hasRun = ({ renditions }: SimulatedTrack) => renditions.some(({ runs }) => runs.length > 0);

  const stateOf = (active: SimulatedTrack[]): PlannerState => {
    const due = turns.due(active, hasRun);
    return {
      concurrency,
      minStretch: MIN_STRETCH,
      lastUrgency: turns.lastUrgency,
      tracks: active.map((track) => ({
        filename: track.filename,
        holder: track.holder,
        servedAt: turns.servedAt(track.holder),
        isAwaited: false,
        segmentSeconds: SEGMENT_SECONDS,
        isDue: track === due,
        renditions: track.renditions.map((rendition, at) => ({ ...rendition, wanted: wantedOf(track, at) })),
      })),
    };
  };

  const plan = () => {
    for (;;) {
      const active = tracks.filter(({ readyAt }) => readyAt === undefined);
      const step = nextStep(stateOf(active));
      if (!step) return;
      if (step.turn) turns.take(step.turn);
      else if (step.track.isDue) turns.dueServed();
      for (const { renditions } of active)
        for (const rendition of renditions)
          rendition.runs = rendition.runs.filter(({ id }) => id !== step.stop);
      const track = active.find(({ filename }) => filename === step.track.filename);
      const rendition = track?.renditions.find(({ id }) => id === step.rendition.id) as SimulatedRendition;
      for (const run of rendition.runs)
        if (run.next < step.from && run.until > step.from) run.until = step.from;
      const { from: next, until } = step;
      const reach = 1 / TICK_SECONDS;
      const run = { id: ++lastId, next, until, published: 0, reach, isStalled: false };
      rendition.runs.push({ ...run, startsIn: START_TICKS });
    }
  };

  const work = (track: SimulatedTrack) => {
    for (const rendition of track.renditions) {
      for (const run of rendition.runs) {
        if (--run.startsIn > 0) continue;
        rendition.stored.add(run.next++);
        run.published++;
        turns.worked(track, SEGMENT_SECONDS);
      }
      rendition.runs = rendition.runs.filter(
        ({ next, until }) => next < until && !rendition.stored.has(next),
      );
    }
    const every = (is: (rendition: SimulatedRendition) => boolean) => track.renditions.every(is);
    if (every(({ stored }) => stored.has(0))) track.playableAt ??= now;
    if (every(({ stored, segmentCount }) => stored.size === segmentCount)) track.readyAt ??= now;
  };

  return {
    get now() {
      return now;
    },
    tracks,
    waits,
    add(minutes: number, holder = 'uploader', renditions = 3): SimulatedTrack {
      const segmentCount = Math.ceil((minutes * 60) / SEGMENT_SECONDS);
      const rendition = (at: number): SimulatedRendition => ({
        id: `rendition ${at}`,
        isMain: at === 1 % renditions,
        segmentCount,
        isSequential: false,
        stored: new Set(),
        runs: [],
      });
      const track = {
        filename: `track ${tracks.length}`,
        holder,
        workedAt: 0,
        renditions: Array.from({ length: renditions }, (_, at) => rendition(at)),
      };
      tracks.push(track);
      turns.join(track);
      return track;
    },
    /** One tick; what is held and stored by then is answered. */
    tick() {
      plan();
      now++;
      for (const track of tracks) if (track.readyAt === undefined) work(track);
      for (const wait of waits)
        if (wait.track.renditions[wait.rendition]?.stored.has(wait.index)) waits.delete(wait);
    },
  };
}

export type Simulation = ReturnType<typeof createSimulation>;
