/**
 * Chooses the next place for work that no client waits for. The track with the least left comes first: that makes tracks ready
 * soonest on average. A track that is due comes before all others, so that a long track advances beside any number of short ones.
 * Pure.
 */
import {
  endOfStretch,
  isCovered,
  mainFirst,
  type Place,
  type PlannedRun,
  type PlannedRung,
  type PlannedTrack,
  type PlannerState,
  rungAt,
  serves,
} from './plan.ts';

interface RankedTrack {
  index: number;
  track: PlannedTrack;
  /** Seconds of audio that are not stored yet, of all renditions. */
  leftSeconds: number;
}

/** Tracks with something left, in the order in which they get background work. */
export function rankedTracks({ tracks }: PlannerState): RankedTrack[] {
  return tracks
    .map((track, index) => ({ index, track, leftSeconds: leftOf(track) }))
    .filter(({ leftSeconds }) => leftSeconds > 0)
    .sort(
      (one, other) =>
        Number(other.track.isDue) - Number(one.track.isDue) ||
        one.leftSeconds - other.leftSeconds ||
        one.index - other.index,
    );
}

function leftOf({ rungs, segmentSeconds }: PlannedTrack): number {
  return (
    segmentSeconds * rungs.reduce((sum, { segmentCount, stored }) => sum + segmentCount - stored.size, 0)
  );
}

/** The next place for a worker that is free. */
export function idlePlace(state: PlannerState, ranked: readonly RankedTrack[]): Place | undefined {
  const [first] = ranked;
  return (
    (first && preferredPlace(state, first)) ??
    firstOf(ranked, ({ index, track }) => firstOf(mainFirst(track), (entry) => gapIn(index, entry))) ??
    firstOf(ranked, ({ index, track }) => middleOfLongest(state, index, mainFirst(track)))
  );
}

/** Returns the next place of the first track: its main rung on all workers, then the gaps of its other rungs. */
function preferredPlace(state: PlannerState, { index, track }: RankedTrack): Place | undefined {
  const [main, ...others] = mainFirst(track);
  return (
    (main && (gapIn(index, main) ?? middleOfLongest(state, index, [main]))) ??
    firstOf(others, (entry) => gapIn(index, entry))
  );
}

/**
 * Returns a run that gives way to the first of the ranked tracks, and the place to start there. No client waits for such a run,
 * it has encoded enough to be worth its start, and its track has more left, by at least as much as a start is worth.
 */
export function yielding(
  state: PlannerState,
  ranked: readonly RankedTrack[],
): { place: Place; run: PlannedRun } | undefined {
  const [first] = ranked;
  const place = first && preferredPlace(state, first);
  if (!place) return undefined;
  const { isDue, segmentSeconds } = first.track;
  const enough = isDue ? Number.NEGATIVE_INFINITY : first.leftSeconds + state.minStretch * segmentSeconds;
  const run = lastRun(
    ranked.filter((other) => other !== first && other.leftSeconds > enough),
    (rung, { published }) => published >= state.minStretch && !(rung.isSequential && rung.wanted.length > 0),
    state,
  );
  return run && { place, run };
}

/** Returns the run to stop for urgent work: no client waits for it, and its track is the last in the order. */
export function leastWanted(state: PlannerState): PlannedRun | undefined {
  return lastRun(rankedTracks(state), (_, run) => run.published > 0 || run.isStalled, state);
}

function lastRun(
  ranked: readonly RankedTrack[],
  mayStop: (rung: PlannedRung, run: PlannedRun) => boolean,
  state: PlannerState,
): PlannedRun | undefined {
  return firstOf(ranked.toReversed(), ({ track }) =>
    firstOf(mainFirst(track).reverse(), ([, rung]) =>
      rung.runs.findLast((run) => mayStop(rung, run) && !serves(state, rung, run)),
    ),
  );
}

/** The first gap of a rung that no run is on its way to fill. */
function gapIn(track: number, [rung, planned]: [number, PlannedRung]): Place | undefined {
  if (planned.isSequential && planned.runs.length > 0) return undefined;
  for (let from = 0; from < planned.segmentCount; from++) {
    if (!planned.stored.has(from) && !isCovered(planned, from)) return { track, rung, from };
  }
  return undefined;
}

/** The middle of the longest stretch under way, where both halves are worth a run. */
function middleOfLongest(
  state: PlannerState,
  track: number,
  rungs: readonly [number, PlannedRung][],
): Place | undefined {
  let longest = 2 * state.minStretch - 1;
  let place: Place | undefined;
  for (const [rung, planned] of rungs) {
    for (const run of planned.isSequential ? [] : planned.runs) {
      const end = endOfStretch(planned, run.next, run.until);
      if (end - run.next <= longest) continue;
      longest = end - run.next;
      // The new run needs time to start while the other is at work.
      place = { track, rung, from: run.next + Math.ceil((end - run.next) / 2) };
    }
  }
  return place;
}

/** Returns where a background run ends: at the next run, at a stored segment, or at the end of the track. */
export function endOfBackgroundRun(state: PlannerState, place: Place): number {
  const rung = rungAt(state, place);
  const others = rung.runs.filter((run) => run.next > place.from).map((run) => run.next);
  return endOfStretch(rung, place.from, Math.min(rung.segmentCount, ...others));
}

function firstOf<T, R>(items: readonly T[], look: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
