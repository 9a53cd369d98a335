/**
 * Decides which run of ffmpeg starts next, where it ends, and which one is stopped for it. Pure: stored segments, runs and
 * waiting clients go in; one step comes out.
 *
 * Segments that clients wait for come first (`urgent-work.ts`), all other work after them (`background-work.ts`).
 */
import { endOfBackgroundRun, idlePlace, leastWanted, rankedTracks, yielding } from './background-work.ts';
import { mainFirst, type Place, type PlannerState, runCount, type Turn } from './plan.ts';
import { stalledAt, type UrgentPlace, urgentPlace } from './urgent-work.ts';

export interface Step extends Place {
  /** The segment after the last one to encode. A run whose range holds `from` ends there from now on. */
  until: number;
  /** A client waits for it: its process yields to no other. */
  isWaited: boolean;
  /** The turn that it takes; background work takes none. */
  turn?: Turn;
  /** The id of the run that makes room for it. */
  stop?: number;
}

/** Returns the next step, or undefined when there is nothing to do until something happens. */
export function nextStep(state: PlannerState): Step | undefined {
  const isFree = runCount(state) < state.concurrency;
  const urgent = urgentPlace(state);
  if (urgent) return urgentStep(state, urgent, isFree);
  return replacement(state) ?? backgroundStep(state, isFree);
}

function urgentStep(state: PlannerState, place: UrgentPlace, isFree: boolean): Step | undefined {
  const stop = stalledAt(place) ?? (isFree ? undefined : leastWanted(state)?.id);
  // A run can be stopped as soon as it has handed out a segment.
  if (!isFree && stop === undefined) return undefined;
  return { ...place, isWaited: true, ...(stop !== undefined && { stop }) };
}

/** Replaces a stalled run of the main rendition of a track that a client waits for. */
function replacement({ tracks }: PlannerState): Step | undefined {
  for (const track of tracks) {
    const [main] = track.isAwaited ? mainFirst(track) : [];
    const stalled = main?.runs.find((run) => run.isStalled && run.next < run.until);
    if (!main || !stalled) continue;
    const { id: stop, next: from, until } = stalled;
    return { track, rendition: main, from, until, isWaited: true, stop };
  }
  return undefined;
}

function backgroundStep(state: PlannerState, isFree: boolean): Step | undefined {
  const ranked = rankedTracks(state);
  const made = isFree ? undefined : yielding(state, ranked);
  const place = isFree ? idlePlace(state, ranked) : made?.place;
  if (!place) return undefined;
  const isWaited = place.track.isAwaited && place.rendition.isMain;
  const until = endOfBackgroundRun(place);
  return { ...place, until, isWaited, ...(made && { stop: made.run.id }) };
}
