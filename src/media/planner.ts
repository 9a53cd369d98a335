/**
 * Decides which run of ffmpeg starts next, where it ends, and which one is stopped for it. Pure: what is stored, what
 * runs and what is waited for go in; one step comes out.
 *
 * In order: a segment that somebody waits for; the first segment of every rung of every track; the rest of the main rung
 * of every track; whatever keeps all workers busy.
 */

/** A run under way. */
export interface PlannedRun {
  id: number;
  /** The segment that it hands out next, counted from 0. */
  next: number;
  /** The segment after the last one that it is to make. */
  until: number;
  /** Segments that it has handed out. One has to be there before it may be stopped: else start-ups eat everything. */
  published: number;
  /** Segments that it makes in about a second; what lies within is reached soon enough. */
  reach: number;
}

/** A segment that somebody waits for. */
export interface Wanted {
  index: number;
  /** Since when: milliseconds, of any clock that all of them share. */
  since: number;
}

/** One rendition of one track. */
export interface PlannedRung {
  /** The one of its track that listeners need most: it comes before the others of any track. */
  isMain: boolean;
  segmentCount: number;
  stored: ReadonlySet<number>;
  runs: readonly PlannedRun[];
  wanted: readonly Wanted[];
  /** Its source cannot be sought in: one run after the other, from the first gap on. */
  isSequential: boolean;
}

export interface PlannedTrack {
  rungs: readonly PlannedRung[];
}

export interface PlannerState {
  /** Oldest first. */
  tracks: readonly PlannedTrack[];
  /** Runs at the same time. */
  concurrency: number;
  /** Segments that are worth the start of a run; what is less than two of these is not halved. */
  minStretch: number;
}

export interface Step {
  /** Index of the track and of its rung. */
  track: number;
  rung: number;
  /** The stretch to encode: `from` included, `until` excluded. A run whose stretch holds `from` ends there from now on. */
  from: number;
  until: number;
  /** The run that makes room for it. */
  stop?: number;
}

interface Place {
  track: number;
  rung: number;
  from: number;
}

/** @returns the next step, or undefined when there is nothing to do until something happens. */
export function nextStep(state: PlannerState): Step | undefined {
  const isFree = allRuns(state).length < state.concurrency;
  const urgent = urgentPlace(state);
  if (urgent) {
    if (isFree) return stretchFrom(state, urgent);
    const victim = leastWanted(state);
    // Where none may be stopped yet, one can be as soon as it has handed out a segment.
    return victim && { ...stretchFrom(state, urgent), stop: victim.id };
  }
  if (isFree) {
    const idle = idlePlace(state, true) ?? idlePlace(state, false);
    return idle && stretchFrom(state, idle);
  }
  const yielding = yieldingRun(state);
  const main = yielding && idlePlace(state, true);
  return main && { ...stretchFrom(state, main), stop: yielding.id };
}

function urgentPlace(state: PlannerState): Place | undefined {
  // Who has waited longest comes first, of whatever track: else those of the oldest would keep others from their turn.
  let since = Number.POSITIVE_INFINITY;
  let longest: Place | undefined;
  for (const [track, rung, planned] of rungsOf(state)) {
    if (planned.isSequential && planned.runs.length > 0) continue;
    for (const wanted of planned.wanted) {
      if (wanted.since >= since || isReachedSoon(planned, wanted.index)) continue;
      since = wanted.since;
      longest = { track, rung, from: planned.isSequential ? firstMissing(planned) : wanted.index };
    }
  }
  if (longest) return longest;
  for (const [track, rung, planned] of rungsOf(state)) {
    if (!planned.stored.has(0) && !isCovered(planned, 0)) return { track, rung, from: 0 };
  }
  return undefined;
}

/**
 * A run that nobody waits for: of a rung that is not the main one, if there is such a run; of the youngest track, for
 * the oldest is to be ready first.
 */
function leastWanted(state: PlannerState): PlannedRun | undefined {
  const stoppable = (isMain: boolean) =>
    [...rungsOf(state, isMain)].flatMap(([, , rung]) =>
      rung.runs.filter((run) => run.published > 0 && !serves(state, rung, run)),
    );
  return stoppable(false).at(-1) ?? stoppable(true).at(-1);
}

/** A run of a rung that is not the main one, which nobody waits for and which has paid for its start. */
function yieldingRun(state: PlannerState): PlannedRun | undefined {
  const mayYield = (rung: PlannedRung) =>
    rung.isSequential && rung.wanted.length > 0
      ? []
      : rung.runs.filter((run) => run.published >= state.minStretch && !serves(state, rung, run));
  return [...rungsOf(state, false)].flatMap(([, , rung]) => mayYield(rung)).at(-1);
}

/**
 * Whether somebody waits for what a run makes within about a second. Where there is no other way to a segment than
 * through all before it, a run that was just started serves whoever waits for any of them: else two would take turns.
 */
function serves({ minStretch }: PlannerState, rung: PlannedRung, run: PlannedRun): boolean {
  const isOnlyWay = rung.isSequential && run.published < minStretch;
  const soon = isOnlyWay ? run.until : Math.min(run.until, run.next + run.reach);
  return rung.wanted.some(({ index }) => index >= run.next && index < soon);
}

function idlePlace(state: PlannerState, isMain: boolean): Place | undefined {
  return firstGap(state, isMain) ?? middleOfLongest(state, isMain);
}

/** The first gap that no run is on its way to fill, in the oldest track that has one. */
function firstGap(state: PlannerState, isMain: boolean): Place | undefined {
  for (const [track, rung, planned] of rungsOf(state, isMain)) {
    if (isComplete(planned) || (planned.isSequential && planned.runs.length > 0)) continue;
    for (let from = 0; from < planned.segmentCount; from++) {
      if (!planned.stored.has(from) && !isCovered(planned, from)) return { track, rung, from };
    }
  }
  return undefined;
}

/** The middle of the longest stretch under way, where both halves are worth a run. */
function middleOfLongest(state: PlannerState, isMain: boolean): Place | undefined {
  let longest = 2 * state.minStretch - 1;
  let place: Place | undefined;
  for (const [track, rung, planned] of rungsOf(state, isMain)) {
    if (planned.isSequential) continue;
    for (const run of planned.runs) {
      const end = endOfStretch(planned, run.next, run.until);
      if (end - run.next <= longest) continue;
      longest = end - run.next;
      // The new run needs time to start while the other is at work.
      place = { track, rung, from: run.next + Math.ceil((end - run.next) / 2) };
    }
  }
  return place;
}

function stretchFrom(state: PlannerState, place: Place): Step {
  const rung = state.tracks[place.track]?.rungs[place.rung] as PlannedRung;
  const others = rung.runs.filter((run) => run.next > place.from).map((run) => run.next);
  const limit = Math.min(rung.segmentCount, ...others);
  // The first segment alone, as long as a main rung is not done.
  const isShort =
    !rung.isMain && place.from === 0 && [...rungsOf(state, true)].some(([, , main]) => !isComplete(main));
  return { ...place, until: endOfStretch(rung, place.from, isShort ? 1 : limit) };
}

/** The first segment that is stored already, at most `limit`. */
function endOfStretch(rung: Pick<PlannedRung, 'stored'>, from: number, limit: number): number {
  let end = from;
  while (end < limit && !rung.stored.has(end)) end++;
  return end;
}

function isReachedSoon(rung: PlannedRung, index: number): boolean {
  const isComing = (run: PlannedRun) =>
    index >= run.next && index < Math.min(run.until, run.next + Math.max(1, run.reach));
  return rung.stored.has(index) || rung.runs.some(isComing);
}

function isCovered(rung: PlannedRung, index: number): boolean {
  return rung.runs.some((run) => index >= run.next && index < run.until);
}

function firstMissing(rung: PlannedRung): number {
  let index = 0;
  while (rung.stored.has(index)) index++;
  return index;
}

function allRuns(state: PlannerState): PlannedRun[] {
  return [...rungsOf(state)].flatMap(([, , rung]) => [...rung.runs]);
}

function isComplete(rung: PlannedRung): boolean {
  return rung.stored.size >= rung.segmentCount;
}

/** All rungs with where they are, or those that are main or are not: oldest track first, and its main rung before its others. */
function* rungsOf(
  state: PlannerState,
  isMain?: boolean,
): Generator<[track: number, rung: number, PlannedRung]> {
  for (const [track, { rungs }] of state.tracks.entries()) {
    const all = [...rungs.entries()].map(
      ([rung, planned]) => [track, rung, planned] as [number, number, PlannedRung],
    );
    if (isMain !== false) yield* all.filter(([, , rung]) => rung.isMain);
    if (isMain !== true) yield* all.filter(([, , rung]) => !rung.isMain);
  }
}
