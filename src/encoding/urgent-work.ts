/**
 * Chooses the next place that a client waits for. Requested segments and first segments of new tracks take turns, and the
 * holders take turns within each kind: a client that asks for much keeps no other client from its turn. Pure.
 */
import {
  endOfStretch,
  firstMissing,
  isReachedSoon,
  type Place,
  type PlannedRendition,
  type PlannerState,
  renditionsIn,
  type Turn,
  type TurnTaker,
} from './plan.ts';

export interface UrgentPlace extends Place {
  turn: Turn;
  /** The segment after the last one to make. */
  until: number;
}

export function urgentPlace(state: PlannerState): UrgentPlace | undefined {
  return state.lastUrgency === 'segment'
    ? (nextStart(state) ?? nextSegment(state))
    : (nextSegment(state) ?? nextStart(state));
}

/** Returns the segment of the holder whose last turn is longest ago; of equals, the one that was asked for first. */
function nextSegment(state: PlannerState): UrgentPlace | undefined {
  let next: { place: UrgentPlace; wanted: TurnTaker & { since: number } } | undefined;
  for (const { track, rendition } of renditionsIn(state)) {
    const isUnderWay = rendition.isSequential && rendition.runs.some((run) => !run.isStalled);
    for (const wanted of isUnderWay ? [] : rendition.wanted) {
      if (isReachedSoon(rendition, wanted.index)) continue;
      if (next && !comesBefore(wanted, next.wanted)) continue;
      const from = rendition.isSequential ? firstMissing(rendition) : wanted.index;
      const limit = Math.max(wanted.index + 1, from + state.minStretch);
      const turn: Turn = { urgency: 'segment', holder: wanted.holder };
      next = { wanted, place: { track, rendition, from, turn, until: endAt(rendition, from, limit) } };
    }
  }
  return next?.place;
}

/** Returns the first segment of a rendition, of the holder whose last turn is longest ago; of equals, of the oldest track. */
function nextStart(state: PlannerState): UrgentPlace | undefined {
  let next: { place: UrgentPlace; servedAt: number } | undefined;
  for (const { track, rendition } of renditionsIn(state)) {
    const { holder, servedAt, isAwaited } = track;
    if (isReachedSoon(rendition, 0) || (next && servedAt >= next.servedAt)) continue;
    const { segmentCount, isMain } = rendition;
    // A short rendition, or one that a client waits for as a whole, takes one run. Of others only the first segment is urgent.
    const isWhole = segmentCount <= state.minStretch || (isMain && isAwaited);
    const until = endAt(rendition, 0, isWhole ? segmentCount : 1);
    const turn: Turn = { urgency: 'start', holder };
    next = { servedAt, place: { track, rendition, from: 0, turn, until } };
  }
  return next?.place;
}

function comesBefore(one: TurnTaker & { since: number }, other: TurnTaker & { since: number }): boolean {
  return one.servedAt < other.servedAt || (one.servedAt === other.servedAt && one.since < other.since);
}

/** Returns where a run from `from` on ends: at the next run, at a stored segment, or at the limit. */
function endAt(rendition: PlannedRendition, from: number, limit: number): number {
  const others = rendition.runs.filter((run) => run.next > from).map((run) => run.next);
  return endOfStretch(rendition, from, Math.min(limit, rendition.segmentCount, ...others));
}

/** Returns the id of a stalled run that is about to make the segment at a place: the new run replaces it. */
export function stalledAt({ rendition, from }: Place): number | undefined {
  return rendition.runs.find((run) => run.isStalled && run.next === from)?.id;
}
