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
export interface PlannedRendition {
  /** Unique within its track. */
  id: string;
  /** Listeners need it most of the renditions of its track: it is encoded before the others. */
  isMain: boolean;
  segmentCount: number;
  /** Numbers of the stored segments. */
  stored: Pick<ReadonlySet<number>, 'has' | 'size'>;
  runs: readonly PlannedRun[];
  /** At most one place of each holder on all renditions of a track. */
  wanted: readonly Wanted[];
  /** Its source cannot be sought in: one run after the other, from the first gap on. */
  isSequential: boolean;
}

/** A track; its holder is the client that has uploaded it. */
export interface PlannedTrack extends TurnTaker {
  filename: string;
  renditions: readonly PlannedRendition[];
  segmentSeconds: number;
  /** A client waits until the track is ready. */
  isAwaited: boolean;
  /** The track has waited longest of all, and has a turn for that. */
  isDue: boolean;
}

/** A client waits for a segment that it has asked for, or for a new track to become playable. */
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
  /** Segments that are worth the start of a run; a range of less than two of these is not halved. */
  minStretch: number;
  /** The last urgent run was for this: the other kind is next. */
  lastUrgency: Urgency | undefined;
}

/** A segment at which a run can start. */
export interface Place {
  track: PlannedTrack;
  rendition: PlannedRendition;
  from: number;
}

/** Yields all renditions with their tracks: the oldest track first, and its main rendition before its others. */
export function* renditionsIn({ tracks }: PlannerState): Generator<Omit<Place, 'from'>> {
  for (const track of tracks) for (const rendition of mainFirst(track)) yield { track, rendition };
}

/** Returns the renditions of a track, the main one first. */
export function mainFirst({ renditions }: PlannedTrack): PlannedRendition[] {
  return renditions.toSorted((one, other) => Number(other.isMain) - Number(one.isMain));
}

export function runCount({ tracks }: PlannerState): number {
  let count = 0;
  for (const { renditions } of tracks) for (const { runs } of renditions) count += runs.length;
  return count;
}

/** Returns the first segment from `from` on that is stored already, at most `limit`. */
export function endOfStretch({ stored }: PlannedRendition, from: number, limit: number): number {
  let end = from;
  while (end < limit && !stored.has(end)) end++;
  return end;
}

export function firstMissing({ stored }: PlannedRendition): number {
  let index = 0;
  while (stored.has(index)) index++;
  return index;
}

/** Returns whether a run will make a segment, sooner or later. */
export function isCovered({ runs }: PlannedRendition, index: number): boolean {
  return runs.some((run) => index >= run.next && index < run.until);
}

/** Returns whether a segment is stored, or will be within about a second. */
export function isReachedSoon({ stored, runs }: PlannedRendition, index: number): boolean {
  return stored.has(index) || runs.some((run) => index >= run.next && index < reachOf(run));
}

/** Returns the segment after the last one that a run makes within about a second. A run that is not stalled makes one. */
function reachOf({ next, until, reach, isStalled }: PlannedRun): number {
  return isStalled ? next : Math.min(until, next + Math.max(1, reach));
}

/**
 * Returns whether a client waits for a segment that a run makes within about a second. A source that cannot be sought in has no
 * other way to a segment than through all before it: there a run that was just started serves every client of its rendition, or
 * else two runs would stop each other in turns.
 */
export function serves({ minStretch }: PlannerState, rendition: PlannedRendition, run: PlannedRun): boolean {
  const isOnlyWay = rendition.isSequential && run.published < minStretch && !run.isStalled;
  const soon = isOnlyWay ? run.until : reachOf(run);
  return rendition.wanted.some(({ index }) => index >= run.next && index < soon);
}
