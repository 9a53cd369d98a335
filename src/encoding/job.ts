/** One track that is being processed: what is stored of it, what runs, and who waits. In memory only. */
import { setMaxListeners } from 'node:events';
import { createDeferred, type Deferred } from '../concurrency/deferred.ts';
import { mainRung } from '../presentation/ladder.ts';
import { parseSegmentName } from '../presentation/segment-name.ts';
import { type Timeline, timelineOf } from '../presentation/timeline.ts';
import type { StoredSegment } from '../storage/storage.ts';
import type { Rendition, Track } from '../tracks/track.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import { createSegmentWaiters, type SegmentWaiters } from './segment-waiters.ts';

/** Processing came to no end: the track was deleted, or the server stops and goes on with it at its next start. */
export type Interruption = 'deleted' | 'stopped';

/** What is known of a track beyond its record while it is processed. */
export interface LiveState {
  /** 0 to 1 */
  progress: number;
  storedBytes: number;
  /** The first segment of every rung is stored. */
  isPlayable: boolean;
  /** What is encoded in the main rung, and so can be listened to at once: spans of presentation time in seconds. */
  encoded: [start: number, end: number][];
}

/** A run of ffmpeg under way. */
export interface LiveRun {
  id: number;
  next: number;
  until: number;
  published: number;
  /** Milliseconds of the clock of `performance.now()`, like the two below. */
  startedAt: number;
  /** 0 before. */
  firstPublishedAt: number;
  /** When it was started before. */
  lastPublishedAt: number;
  /** Whether a client waits for it: its process yields to no other then. */
  isWaited: boolean;
  /** Index of its launcher among those for background work. */
  level: number;
  /** The process that leads its group; undefined before it runs. */
  pid: number | undefined;
  controller: AbortController;
  done: Promise<void>;
}

/** A rendition that is being encoded. */
export interface LiveRung {
  rendition: Rendition;
  /** Listeners need it most: it is encoded first. */
  isMain: boolean;
  coverage: Coverage;
  holds: SegmentWaiters;
  runs: Set<LiveRun>;
  /** How often a run failed at a segment. */
  failures: Map<number, number>;
  /** Where the source ends is not known: one run after the other finds out. */
  isSequential: boolean;
}

export interface Job {
  track: Track;
  /** The client that has uploaded it, as far as that is known. */
  holder: string;
  /** Clients that wait until it is ready. */
  awaiting: number;
  /** When something of it was encoded last, by the clock of `turns-taken.ts`. */
  workedAt: number;
  timeline: Timeline;
  rungs: LiveRung[];
  /** Runs that were stopped and have not ended yet. */
  ending: Set<LiveRun>;
  /** Nothing starts while it is being loaded or set right. */
  isPaused: boolean;
  /** Runs while it waits for the machine to be well again. */
  resume: NodeJS.Timeout | undefined;
  /** How often it has waited for that. */
  waits: number;
  /** Whether the machine was well, and had not been before, when it failed last. */
  retriedAfterRecovery: boolean;
  /** Aborted with the interruption as its reason. */
  controller: AbortController;
  /** Resolves when the track is playable, or settled without ever having been. */
  playable: Deferred<void>;
  settled: Deferred<Track | Interruption>;
  /** Resolves when it is known what is stored. */
  loaded: Deferred<void>;
  /** Names of segments that were lost since what is stored was last looked at: it has to be looked at anew. */
  lost: Set<string>;
}

export function createJob(track: Track, holder: string): Job {
  const controller = new AbortController();
  // Each of its runs listens to it.
  setMaxListeners(0, controller.signal);
  return {
    track,
    holder,
    awaiting: 0,
    workedAt: 0,
    timeline: timelineOf(track),
    rungs: [],
    ending: new Set(),
    isPaused: true,
    resume: undefined,
    waits: 0,
    retriedAfterRecovery: false,
    controller,
    playable: createDeferred(),
    settled: createDeferred(),
    loaded: createDeferred(),
    lost: new Set(),
  };
}

/** Lets those who ask for a segment wait until the job is loaded again. */
export function unload(job: Job): void {
  const { resolve } = job.loaded;
  job.loaded = createDeferred();
  // Those who have waited since before wait for the same.
  void job.loaded.promise.then(resolve);
}

/** Whether a job knows already that a segment is not stored. */
export function lacks(job: Job, segmentName: string): boolean {
  if (job.lost.size > 0) return job.lost.has(segmentName);
  const id = parseSegmentName(segmentName);
  const rung = job.rungs.find(
    ({ rendition }) => rendition.id === id?.renditionId && rendition.key === id.key,
  );
  if (!id || !rung) return false;
  return id.index === 'init' ? !rung.coverage.hasInit : !rung.coverage.stored.has(id.index);
}

/** Sets a job to what its record says and what is stored; waits that exist go on. */
export function loadJob(
  job: Job,
  track: Track,
  segments: readonly StoredSegment[],
  onWanted: () => void,
): void {
  const { segmentCount } = timelineOf(track);
  const within = segments.filter(({ name }) => {
    const index = parseSegmentName(name)?.index;
    return index === 'init' || (index !== undefined && index < segmentCount);
  });
  job.track = track;
  job.timeline = timelineOf(track);
  const main = mainRung(track.renditions);
  job.rungs = track.renditions.map((rendition, at) => {
    const before = job.rungs[at];
    const stored = coverageOf(rendition, within);
    return {
      rendition,
      isMain: rendition === main,
      // Without its init segment nothing of it can be played: it is made anew.
      coverage: stored.hasInit ? stored : coverageOf(rendition, []),
      holds: before?.holds ?? createSegmentWaiters(onWanted),
      runs: new Set(),
      failures: before?.failures ?? new Map(),
      isSequential: before?.isSequential ?? false,
    };
  });
}

export function isComplete(job: Job): boolean {
  return job.rungs.every(
    (rung) => rung.coverage.hasInit && rung.coverage.stored.size === job.timeline.segmentCount,
  );
}

export function isPlayable(job: Job): boolean {
  return (
    job.rungs.length > 0 && job.rungs.every(({ coverage }) => coverage.hasInit && coverage.stored.has(0))
  );
}

export function liveState(job: Job): LiveState {
  const { rungs, timeline } = job;
  const sum = (of: (coverage: Coverage) => number) =>
    rungs.reduce((total, rung) => total + of(rung.coverage), 0);
  const all = Math.max(1, rungs.length) * timeline.segmentCount;
  return {
    progress: sum((coverage) => coverage.stored.size) / all,
    storedBytes: sum((coverage) => coverage.bytes),
    isPlayable: isPlayable(job),
    encoded: encodedSpans(job),
  };
}

function encodedSpans({ rungs, timeline }: Job): [number, number][] {
  const stored = rungs.find(({ isMain }) => isMain)?.coverage.stored;
  const spans: [number, number][] = [];
  let open = -1;
  for (let index = 0; index <= timeline.segmentCount; index++) {
    const isStored = index < timeline.segmentCount && stored?.has(index) === true;
    if (isStored && open < 0) open = index;
    if (isStored || open < 0) continue;
    const last = timeline.presentation(index - 1);
    spans.push([
      timeline.presentation(open).start / timeline.sampleRate,
      (last.start + last.duration) / timeline.sampleRate,
    ]);
    open = -1;
  }
  return spans;
}
