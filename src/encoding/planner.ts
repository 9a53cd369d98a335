/**
 * Decides which run of ffmpeg starts next, where it ends, and which one is stopped for it. Pure: what is stored, what
 * runs and what is waited for go in; one step comes out.
 *
 * Segments that clients wait for come first (`urgent-work.ts`), all other work after them (`background-work.ts`).
 */
import { endOfBackgroundRun, idlePlace, leastWanted, rankedTracks, yielding } from './background-work.ts';
import {
  mainFirst,
  type Place,
  type PlannedTrack,
  type PlannerState,
  runCount,
  rungAt,
  type Turn,
} from './plan.ts';
import { stalledAt, type UrgentPlace, urgentPlace } from './urgent-work.ts';

export interface Step extends Place {
  /** The segment after the last one to encode. A run whose stretch holds `from` ends there from now on. */
  until: number;
  /** Whether a client waits for it: its process yields to no other then. */
  isWaited: boolean;
  /** Whose turn it was, and for what. */
  turn?: Turn;
  /** The run that makes room for it. */
  stop?: number;
}

/** @returns the next step, or undefined when there is nothing to do until something happens. */
export function nextStep(state: PlannerState): Step | undefined {
  const isFree = runCount(state) < state.concurrency;
  const urgent = urgentPlace(state);
  if (urgent) return urgentStep(state, urgent, isFree);
  return replacement(state) ?? backgroundStep(state, isFree);
}

function urgentStep(state: PlannerState, place: UrgentPlace, isFree: boolean): Step | undefined {
  const stop = stalledAt(state, place) ?? (isFree ? undefined : leastWanted(state)?.id);
  // A run can be stopped as soon as it has handed out a segment.
  if (!isFree && stop === undefined) return undefined;
  return { ...place, isWaited: true, ...(stop !== undefined && { stop }) };
}

/** Replaces a stalled run of the main rung of a track that a client waits for. */
function replacement(state: PlannerState): Step | undefined {
  for (const [track, planned] of state.tracks.entries()) {
    const [main] = planned.isAwaited ? mainFirst(planned) : [];
    const stalled = main?.[1].runs.find((run) => run.isStalled && run.next < run.until);
    if (!main || !stalled) continue;
    const { id: stop, next: from, until } = stalled;
    return { track, rung: main[0], from, until, isWaited: true, stop };
  }
  return undefined;
}

function backgroundStep(state: PlannerState, isFree: boolean): Step | undefined {
  const ranked = rankedTracks(state);
  const made = isFree ? undefined : yielding(state, ranked);
  const place = isFree ? idlePlace(state, ranked) : made?.place;
  if (!place) return undefined;
  const isWaited = (state.tracks[place.track] as PlannedTrack).isAwaited && rungAt(state, place).isMain;
  const until = endOfBackgroundRun(state, place);
  return { ...place, until, isWaited, ...(made && { stop: made.run.id }) };
}
