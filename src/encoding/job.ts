/** One track that is being processed: its state, its stored segments, its runs and its waiters. In memory only. */
import { setMaxListeners } from 'node:events';
import { type Broadcast, createBroadcast } from '../concurrency/broadcast.ts';
import { createMailbox, type Mailbox } from '../concurrency/mailbox.ts';
import { mainRendition } from '../presentation/ladder.ts';
import { parseSegmentName } from '../presentation/segment-name.ts';
import { type Timeline, timelineOf } from '../presentation/timeline.ts';
import type { StoredSegment } from '../storage/storage.ts';
import type { Rendition, Track } from '../tracks/track.ts';
import { type Coverage, coverageOf, covers } from './coverage.ts';
import type { Interruption } from './encoder.ts';
import { createSegmentWaiters, type SegmentWaiters } from './segment-waiters.ts';

/** `job-life.ts` says what happens in each, and what comes next. Runs start in `encode` only. */
export type JobState = 'load' | 'encode' | 'publish' | 'repair' | 'fail' | 'back off' | 'interrupted' | 'end';

/** A run of ffmpeg under way. */
export interface ActiveRun {
  id: number;
  /** The segment that it hands out next, counted from 0. */
  next: number;
  /** The segment after the last one that it is to make. */
  until: number;
  /** Segments that it has handed out. */
  published: number;
  /** Milliseconds of the clock of `performance.now()`, like the two below. */
  startedAt: number;
  /** 0 before the first segment. */
  firstPublishedAt: number;
  /** Equals `startedAt` before the first segment. */
  lastPublishedAt: number;
  /** A client waits for it: its process yields to no other. */
  isWaited: boolean;
  /** Index of its launcher among those for background work. */
  level: number;
  /** The process that leads its group; undefined before it runs. */
  pid: number | undefined;
  /** It was stopped, and its process needs a moment to end. Its worker is free already. */
  isStopping: boolean;
  controller: AbortController;
  /** Settles when its process has ended; rejects with what the run failed with. */
  done: Promise<void>;
}

/** A rendition that is being encoded. */
export interface ActiveRendition {
  rendition: Rendition;
  /** Listeners need it most: it is encoded before the others of its track. */
  isMain: boolean;
  coverage: Coverage;
  waiters: SegmentWaiters;
  /** All whose process has not ended. */
  runs: Set<ActiveRun>;
  /** Number of failed runs, by segment number. */
  failures: Map<number, number>;
  /** Its source cannot be sought in: one run after the other. */
  isSequential: boolean;
}

export type JobEvent =
  /** `error` is undefined where the run has ended well, or was stopped. */
  { kind: 'run ended'; active: ActiveRendition; run: ActiveRun; error: unknown } | { kind: 'segment lost' };

export interface Job {
  track: Track;
  state: JobState;
  /** Its original, which its record does not name any more once it says that the track is ready. */
  readonly upload: string | null;
  /** The client that has uploaded the track, as far as it is known. */
  holder: string;
  /** Number of clients that wait until the track is ready. */
  awaiting: number;
  /** When something of it was encoded last, by the clock of `turns-taken.ts`. */
  workedAt: number;
  timeline: Timeline;
  renditions: ActiveRendition[];
  /** Its coverage is what is stored. Until then clients that ask for a segment wait. */
  isLoaded: boolean;
  /** Names of segments that were found lost since its coverage was loaded: it has to be loaded again. */
  lost: Set<string>;
  /** Read by its life, in `encode` only. */
  events: Mailbox<JobEvent>;
  /** Told when it is loaded, when its track can be played, and at its end. */
  changes: Broadcast<void>;
  /** Told at its end, and when it backs off: there is no outcome then for some time. */
  outcomes: Broadcast<Track | Interruption>;
  /** Ends its life, with the interruption as the reason. */
  controller: AbortController;
}

export function createJob(track: Track, holder: string): Job {
  const controller = new AbortController();
  // Each of its runs and waits listens to it.
  setMaxListeners(0, controller.signal);
  return {
    track,
    state: 'load',
    upload: track.upload,
    holder,
    awaiting: 0,
    workedAt: 0,
    timeline: timelineOf(track),
    renditions: [],
    isLoaded: false,
    lost: new Set(),
    events: createMailbox(),
    changes: createBroadcast(),
    outcomes: createBroadcast(),
    controller,
  };
}

/** Sets a job to its record and to the segments that are stored; its waiters stay. */
export function setStored(
  job: Job,
  track: Track,
  segments: readonly StoredSegment[],
  onWanted: () => void,
): void {
  const timeline = timelineOf(track);
  const within = segments.filter(({ name }) => isWithin(timeline, parseSegmentName(name)?.index));
  const main = mainRendition(track.renditions);
  job.track = track;
  job.timeline = timeline;
  job.renditions = track.renditions.map((rendition) => {
    const before = job.renditions.find((active) => active.rendition.id === rendition.id);
    const stored = coverageOf(rendition, within);
    return {
      rendition,
      isMain: rendition === main,
      // Nothing of a rendition can be played without its init segment: all of it is encoded again.
      coverage: stored.hasInit ? stored : coverageOf(rendition, []),
      waiters: before?.waiters ?? createSegmentWaiters(onWanted),
      runs: new Set(),
      failures: before?.failures ?? new Map(),
      isSequential: before?.isSequential ?? false,
    };
  });
}

/** Notes that a stored segment is gone: the job's life loads what is stored again before it goes on, and before it ends. */
export function loseSegment(job: Job, segmentName: string): void {
  job.lost.add(segmentName);
  job.isLoaded = false;
  job.events.post({ kind: 'segment lost' });
}

/** Returns whether a job knows already that a segment is not stored. */
export function lacks(job: Job, segmentName: string): boolean {
  if (job.lost.size > 0) return job.lost.has(segmentName);
  const id = parseSegmentName(segmentName);
  const active = job.renditions.find(
    ({ rendition }) => rendition.id === id?.renditionId && rendition.key === id.encodeHash,
  );
  return id !== undefined && active !== undefined && !covers(active.coverage, id.index);
}

/** Returns whether a timeline has a segment of this number; each has an init segment. */
export function isWithin({ segmentCount }: Timeline, index: number | 'init' | undefined): boolean {
  return index === 'init' || (index !== undefined && index < segmentCount);
}

/** Returns whether all segments are stored. */
export function isComplete({ renditions, timeline }: Job): boolean {
  return renditions.every(
    ({ coverage }) => coverage.hasInit && coverage.stored.size === timeline.segmentCount,
  );
}

/** Returns whether the first segment of every rendition is stored. */
export function isPlayable({ renditions }: Job): boolean {
  return (
    renditions.length > 0 && renditions.every(({ coverage }) => coverage.hasInit && coverage.stored.has(0))
  );
}

/** Runs that make something: all but those that were stopped. */
export function workingRuns({ runs }: ActiveRendition): ActiveRun[] {
  return [...runs].filter(({ isStopping }) => !isStopping);
}
