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
  type PlannedRendition,
  type PlannedRun,
  type PlannedTrack,
  type PlannerState,
  serves,
} from './plan.ts';

interface RankedTrack {
  track: PlannedTrack;
  /** Seconds of audio that are not stored yet, of all renditions. */
  leftSeconds: number;
}

/** Returns the tracks with something left, in the order in which they get background work. */
export function rankedTracks({ tracks }: PlannerState): RankedTrack[] {
  return tracks
    .map((track) => ({ track, leftSeconds: leftOf(track) }))
    .filter(({ leftSeconds }) => leftSeconds > 0)
    .sort(
      (one, other) =>
        Number(other.track.isDue) - Number(one.track.isDue) || one.leftSeconds - other.leftSeconds,
    );
}

function leftOf({ renditions, segmentSeconds }: PlannedTrack): number {
  const segments = renditions.reduce((sum, { segmentCount, stored }) => sum + segmentCount - stored.size, 0);
  return segmentSeconds * segments;
}

/** Returns the next place for a worker that is free. */
export function idlePlace(state: PlannerState, ranked: readonly RankedTrack[]): Place | undefined {
  const [first] = ranked;
  return (
    (first && preferredPlace(state, first.track)) ??
    firstOf(ranked, ({ track }) => firstOf(mainFirst(track), (rendition) => gapIn(track, rendition))) ??
    firstOf(ranked, ({ track }) => middleOfLongest(state, track, mainFirst(track)))
  );
}

/** Returns the next place of the first track: its main rendition on all workers, then the gaps of its other renditions. */
function preferredPlace(state: PlannerState, track: PlannedTrack): Place | undefined {
  const [main, ...others] = mainFirst(track);
  return (
    (main && (gapIn(track, main) ?? middleOfLongest(state, track, [main]))) ??
    firstOf(others, (rendition) => gapIn(track, rendition))
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
  const place = first && preferredPlace(state, first.track);
  if (!place) return undefined;
  const { isDue, segmentSeconds } = first.track;
  const enough = isDue ? Number.NEGATIVE_INFINITY : first.leftSeconds + state.minStretch * segmentSeconds;
  const run = lastRun(
    ranked.filter((other) => other !== first && other.leftSeconds > enough),
    ({ isSequential, wanted }, { published }) =>
      published >= state.minStretch && !(isSequential && wanted.length > 0),
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
  mayStop: (rendition: PlannedRendition, run: PlannedRun) => boolean,
  state: PlannerState,
): PlannedRun | undefined {
  return firstOf(ranked.toReversed(), ({ track }) =>
    firstOf(mainFirst(track).reverse(), (rendition) =>
      rendition.runs.findLast((run) => mayStop(rendition, run) && !serves(state, rendition, run)),
    ),
  );
}

/** Returns the first gap of a rendition that no run is on its way to fill. */
function gapIn(track: PlannedTrack, rendition: PlannedRendition): Place | undefined {
  const { isSequential, runs, segmentCount, stored } = rendition;
  if (isSequential && runs.length > 0) return undefined;
  for (let from = 0; from < segmentCount; from++) {
    if (!stored.has(from) && !isCovered(rendition, from)) return { track, rendition, from };
  }
  return undefined;
}

/** Returns the middle of the longest range under way, where both halves are worth a run. */
function middleOfLongest(
  state: PlannerState,
  track: PlannedTrack,
  renditions: readonly PlannedRendition[],
): Place | undefined {
  let longest = 2 * state.minStretch - 1;
  let place: Place | undefined;
  for (const rendition of renditions) {
    for (const run of rendition.isSequential ? [] : rendition.runs) {
      const left = endOfStretch(rendition, run.next, run.until) - run.next;
      if (left <= longest) continue;
      longest = left;
      // The new run needs time to start while the other is at work.
      place = { track, rendition, from: run.next + Math.ceil(left / 2) };
    }
  }
  return place;
}

/** Returns where a background run ends: at the next run, at a stored segment, or at the end of the track. */
export function endOfBackgroundRun({ rendition, from }: Place): number {
  const others = rendition.runs.filter((run) => run.next > from).map((run) => run.next);
  return endOfStretch(rendition, from, Math.min(rendition.segmentCount, ...others));
}

function firstOf<T, R>(items: readonly T[], look: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = look(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
