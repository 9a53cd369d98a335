/**
 * Everything that clients can make the server hold, in one list. Receiving, probing, copying, encoding and holding requests
 * draw on these budgets; when no client is being served, all of them are back at zero.
 */
import { type Budget, createBudget } from './budget.ts';
import { createDiskBudget, type DiskBudget, type DiskBudgetOptions } from './disk-budget.ts';

export interface Governor {
  /** Uploads that are being received (`MAX_UPLOADS`). */
  uploads: Budget;
  /** Files that are being examined: up to two processes of ffprobe and ffmpeg each, and one where a copy is made. */
  probes: Budget;
  /** Sources whose end is looked at while they are encoded: one process of ffmpeg each, for 0.1 s. */
  endChecks: Budget;
  /** Requests that wait for a segment. */
  segmentWaiters: Budget;
  /** Lists that are sent in slices. */
  lists: Budget;
  /** Open streams of Server-Sent Events. */
  eventStreams: Budget;
  disk: DiskBudget;
  /** Units in use by the name of their budget: all zero when nothing is going on. */
  usage(): Record<string, number>;
}

export interface GovernorOptions {
  maxUploads: number;
  /** ffmpeg processes that encode at the same time (`CONCURRENCY`); so many files are examined at the same time. */
  concurrency: number;
  disk: DiskBudgetOptions;
}

/** Requests that are held at the same time, each with its socket and some 4 kB. */
const MAX_HOLDS = 10_000;
/** Of one holder: a hall full of listeners behind one address has room, and one client cannot take every place. */
const HOLDS_SHARE = 2000;
/** Lists of more than one slice that are sent at the same time, each with up to 1 MB; some of them to clients that do not read. */
const MAX_LISTS = 50;
const LISTS_SHARE = 25;
/** Event streams that are open at the same time, each with its socket and some 100 kB as long as its client does not read. */
const MAX_EVENT_STREAMS = 1000;
const EVENT_STREAMS_SHARE = 100;

export function createGovernor({ maxUploads, concurrency, disk: diskOptions }: GovernorOptions): Governor {
  const uploads = createBudget({ limit: maxUploads });
  const probes = createBudget({ limit: concurrency });
  const endChecks = createBudget({ limit: concurrency });
  const holds = createBudget({ limit: MAX_HOLDS, share: HOLDS_SHARE });
  const lists = createBudget({ limit: MAX_LISTS, share: LISTS_SHARE });
  const eventStreams = createBudget({ limit: MAX_EVENT_STREAMS, share: EVENT_STREAMS_SHARE });
  const disk = createDiskBudget(diskOptions);
  return {
    ...{ uploads, probes, endChecks, segmentWaiters: holds, lists, eventStreams, disk },
    usage: () => ({
      uploads: uploads.inUse,
      probes: probes.inUse + probes.waiting,
      endChecks: endChecks.inUse + endChecks.waiting,
      holds: holds.inUse + holds.waiting,
      lists: lists.inUse,
      eventStreams: eventStreams.inUse,
      diskBytes: disk.reservedBytes,
    }),
  };
}
