/** The planner's view of the encoder: tracks, their renditions, runs under way, and the segments that clients wait for. Pure. */

/** A run under way. */
export interface PlannedRun {
  id: number;
  /** The segment that it hands out next, counted from 0. */
  next: number;
  /** The segment after the last one that it is to make. */
  until: number;
  /** Segments that it has handed out. One has to be there before it may be stopped: else start-ups eat everything. */
  published: number;
  /** Segments that it makes in about a second: a client that wants one of these waits for this run. */
  reach: number;
  /** It yields to other work and gets hardly any processor time: only a run that yields less can take its place. */
  isStalled: boolean;
}

/** Turns are shared out among holders. */
export interface TurnTaker {
  /** The address block of a client, or the name of its API key. */
  holder: string;
  /** When the holder had its last turn, by a count of turns; 0 for never. */
  servedAt: number;
}

/** A segment that a client waits for. */
export interface Wanted extends TurnTaker {
  index: number;
  /** Since when: milliseconds, of any clock that all of them share. */
  since: number;
}

/** One rendition of one track. */
export interface PlannedRung {
  /** The one of its track that listeners need most: it comes before the others of its track. */
  isMain: boolean;
  segmentCount: number;
  stored: ReadonlySet<number>;
  runs: readonly PlannedRun[];
  /** At most one place of each holder on all rungs of a track. */
  wanted: readonly Wanted[];
  /** Its source cannot be sought in: one run after the other, from the first gap on. */
  isSequential: boolean;
}

/** A track; its holder is the client that has uploaded it. */
export interface PlannedTrack extends TurnTaker {
  rungs: readonly PlannedRung[];
  segmentSeconds: number;
  /** A client waits until the track is ready. */
  isAwaited: boolean;
  /** The track has waited longest of all, and has a turn for that. */
  isDue: boolean;
}

/** What a client waits for: a segment that it has asked for, or a new track that can be played. */
export type Urgency = 'segment' | 'start';

export interface Turn {
  urgency: Urgency;
  holder: string;
}

export interface PlannerState {
  /** Oldest first. */
  tracks: readonly PlannedTrack[];
  /** Runs at the same time. */
  concurrency: number;
  /** Segments that are worth the start of a run; what is less than two of these is not halved. */
  minStretch: number;
  /** What the last urgent run was for: the other kind is next. */
  lastUrgency: Urgency | undefined;
}

/** Where a run can start: index of the track and of its rung, and the segment. */
export interface Place {
  track: number;
  rung: number;
  from: number;
}

/** All rungs with where they are: oldest track first, and its main rung before its others. */
export function* rungsOf(
  state: PlannerState,
): Generator<[place: Omit<Place, 'from'>, rung: PlannedRung, track: PlannedTrack]> {
  for (const [track, planned] of state.tracks.entries()) {
    for (const [rung, one] of mainFirst(planned)) yield [{ track, rung }, one, planned];
  }
}

/** The rungs of a track with their indexes, the main one first. */
export function mainFirst({ rungs }: PlannedTrack): [number, PlannedRung][] {
  return [...rungs.entries()].sort(([, one], [, other]) => Number(other.isMain) - Number(one.isMain));
}

export function rungAt(state: PlannerState, { track, rung }: Omit<Place, 'from'>): PlannedRung {
  return state.tracks[track]?.rungs[rung] as PlannedRung;
}

export function runCount(state: PlannerState): number {
  let count = 0;
  for (const { rungs } of state.tracks) for (const { runs } of rungs) count += runs.length;
  return count;
}

/** The first segment from `from` on that is stored already, at most `limit`. */
export function endOfStretch({ stored }: PlannedRung, from: number, limit: number): number {
  let end = from;
  while (end < limit && !stored.has(end)) end++;
  return end;
}

export function firstMissing({ stored }: PlannedRung): number {
  let index = 0;
  while (stored.has(index)) index++;
  return index;
}

/** Whether a run will make a segment, sooner or later. */
export function isCovered(rung: PlannedRung, index: number): boolean {
  return rung.runs.some((run) => index >= run.next && index < run.until);
}

/** Whether a segment is stored, or will be within about a second. */
export function isReachedSoon(rung: PlannedRung, index: number): boolean {
  return rung.stored.has(index) || rung.runs.some((run) => index >= run.next && index < reachOf(run));
}

/** The segment after the last one that a run makes within about a second; a run that is not stalled makes one. */
function reachOf({ next, until, reach, isStalled }: PlannedRun): number {
  return isStalled ? next : Math.min(until, next + Math.max(1, reach));
}

/**
 * Whether a client waits for a segment that a run makes within about a second. A source that cannot be sought in has no other
 * way to a segment than through all before it: there a run that was just started serves every client of its rung, or else two
 * runs would stop each other in turns.
 */
export function serves({ minStretch }: PlannerState, rung: PlannedRung, run: PlannedRun): boolean {
  const isOnlyWay = rung.isSequential && run.published < minStretch && !run.isStalled;
  const soon = isOnlyWay ? run.until : reachOf(run);
  return rung.wanted.some(({ index }) => index >= run.next && index < soon);
}
