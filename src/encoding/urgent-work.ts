/**
 * Chooses the next place that a client waits for. Requested segments and first segments of new tracks take turns, and the
 * holders take turns within each kind: a client that asks for much keeps no other client from its turn. Pure.
 */
import {
  endOfStretch,
  firstMissing,
  isReachedSoon,
  type Place,
  type PlannedRung,
  type PlannerState,
  rungAt,
  rungsOf,
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

/** The segment of the holder whose last turn is longest ago; of equals, the one that was asked for first. */
function nextSegment(state: PlannerState): UrgentPlace | undefined {
  let next: { place: UrgentPlace; wanted: TurnTaker & { since: number } } | undefined;
  for (const [where, rung] of rungsOf(state)) {
    const isUnderWay = rung.isSequential && rung.runs.some((run) => !run.isStalled);
    for (const wanted of isUnderWay ? [] : rung.wanted) {
      if (isReachedSoon(rung, wanted.index)) continue;
      if (next && !comesBefore(wanted, next.wanted)) continue;
      const from = rung.isSequential ? firstMissing(rung) : wanted.index;
      const limit = Math.max(wanted.index + 1, from + state.minStretch);
      const turn: Turn = { urgency: 'segment', holder: wanted.holder };
      next = { wanted, place: { ...where, from, turn, until: endAt(rung, from, limit) } };
    }
  }
  return next?.place;
}

/** The first segment of a rung, of the holder whose last turn is longest ago; of equals, of the oldest track. */
function nextStart(state: PlannerState): UrgentPlace | undefined {
  let next: { place: UrgentPlace; servedAt: number } | undefined;
  for (const [where, rung, { holder, servedAt, isAwaited }] of rungsOf(state)) {
    if (isReachedSoon(rung, 0) || (next && servedAt >= next.servedAt)) continue;
    // A short rung, or one that a client waits for as a whole, takes one run. Of others only the first segment is urgent.
    const isWhole = rung.segmentCount <= state.minStretch || (rung.isMain && isAwaited);
    const until = endAt(rung, 0, isWhole ? rung.segmentCount : 1);
    next = { servedAt, place: { ...where, from: 0, turn: { urgency: 'start', holder }, until } };
  }
  return next?.place;
}

function comesBefore(one: TurnTaker & { since: number }, other: TurnTaker & { since: number }): boolean {
  return one.servedAt < other.servedAt || (one.servedAt === other.servedAt && one.since < other.since);
}

/** Returns where a run from `from` on ends: at the next run, at a stored segment, or at the limit. */
function endAt(rung: PlannedRung, from: number, limit: number): number {
  const others = rung.runs.filter((run) => run.next > from).map((run) => run.next);
  return endOfStretch(rung, from, Math.min(limit, rung.segmentCount, ...others));
}

/** The id of a stalled run that is about to make the segment at a place: the new run replaces it. */
export function stalledAt(state: PlannerState, place: Place): number | undefined {
  return rungAt(state, place).runs.find((run) => run.isStalled && run.next === place.from)?.id;
}
