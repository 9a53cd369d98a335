/**
 * Lists the budgets of everything that clients can take from the server. Receiving, probing, copying, encoding and waiting
 * for segments draw on these budgets. All of them are back at zero when no client is served.
 */
import { type Budget, createBudget } from './budget.ts';
import { createDiskBudget, type DiskBudget, type DiskBudgetOptions } from './disk-budget.ts';

/** All budgets of the server. */
export interface Governor {
  /** Uploads that are being received (`MAX_UPLOADS`). */
  uploads: Budget;
  /** Files that are being examined. Each takes up to two processes of ffprobe and ffmpeg, and one to make a copy. */
  probes: Budget;
  /** Sources whose end is checked while they are encoded. Each takes one process of ffmpeg for 0.1 s. */
  endChecks: Budget;
  /** Uploads that are encoded while they arrive (`EARLY_UPLOADS`). Each takes one process of ffmpeg for each rendition. */
  earlyEncodes: Budget;
  /** Covers that are received and made. Each takes up to 10 MiB of memory. */
  covers: Budget;
  /** Requests that wait for a segment. */
  segmentWaiters: Budget;
  /** Lists that are sent in slices. */
  lists: Budget;
  /** Open streams of Server-Sent Events. */
  eventStreams: Budget;
  disk: DiskBudget;
  /** Returns the units in use by name of their budget, as /readyz shows them. All are zero on an idle server. */
  usage(): Record<string, number>;
}

export interface GovernorOptions {
  maxUploads: number;
  /** ffmpeg processes that encode at the same time (`CONCURRENCY`), and files that are examined at the same time. */
  concurrency: number;
  earlyUploads: number;
  disk: DiskBudgetOptions;
}

/** Covers that are received at the same time. */
const MAX_COVERS = 16;
const COVERS_SHARE = 8;
/** Requests that wait for a segment at the same time, each with its socket and some 4 kB. */
const MAX_SEGMENT_WAITERS = 10_000;
/** Share of one holder: enough for a hall of listeners behind one address, and too little to take every place. */
const SEGMENT_WAITERS_SHARE = 2000;
/** Lists of more than one slice that are sent at the same time. Each takes up to 1 MB while its client does not read. */
const MAX_LISTS = 50;
const LISTS_SHARE = 25;
/** Event streams that are open at the same time. Each takes a socket, and some 100 kB while its client does not read. */
const MAX_EVENT_STREAMS = 1000;
const EVENT_STREAMS_SHARE = 100;

/** Creates all budgets, empty. */
export function createGovernor({
  maxUploads,
  concurrency,
  earlyUploads,
  disk: diskOptions,
}: GovernorOptions): Governor {
  const uploads = createBudget({ limit: maxUploads });
  const probes = createBudget({ limit: concurrency });
  const endChecks = createBudget({ limit: concurrency });
  const earlyEncodes = createBudget({ limit: earlyUploads });
  const covers = createBudget({ limit: MAX_COVERS, share: COVERS_SHARE });
  const segmentWaiters = createBudget({ limit: MAX_SEGMENT_WAITERS, share: SEGMENT_WAITERS_SHARE });
  const lists = createBudget({ limit: MAX_LISTS, share: LISTS_SHARE });
  const eventStreams = createBudget({ limit: MAX_EVENT_STREAMS, share: EVENT_STREAMS_SHARE });
  const disk = createDiskBudget(diskOptions);
  return {
    uploads,
    probes,
    endChecks,
    earlyEncodes,
    covers,
    segmentWaiters,
    lists,
    eventStreams,
    disk,
    usage: () => ({
      uploads: uploads.inUse,
      probes: probes.inUse + probes.waiting,
      endChecks: endChecks.inUse + endChecks.waiting,
      earlyEncodes: earlyEncodes.inUse,
      covers: covers.inUse,
      holds: segmentWaiters.inUse + segmentWaiters.waiting,
      lists: lists.inUse,
      eventStreams: eventStreams.inUse,
      diskBytes: disk.reservedBytes,
    }),
  };
}
