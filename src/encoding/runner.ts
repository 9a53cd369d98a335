/** Runs ffmpeg for a range of a rendition, and stores the segments. */
import type { Tools } from '../ffmpeg/launcher.ts';
import { initSegmentName, mediaSegmentName } from '../presentation/segment-name.ts';
import type { Storage } from '../storage/storage.ts';
import type { Rendition } from '../tracks/track.ts';
import { covers } from './coverage.ts';
import type { run } from './encode-range.ts';
import type { ActiveRendition, ActiveRun, Job } from './job.ts';

/** This ffmpeg makes another init segment than the stored one: its media segments do not fit to the stored ones. */
export class InitChangedError extends Error {
  override readonly name = 'InitChangedError';
  readonly rendition: Rendition;

  constructor(rendition: Rendition) {
    super(`the init segment of ${rendition.id} would change`);
    this.rendition = rendition;
  }
}

/** A run to start. */
export type NewRun = Pick<ActiveRun, 'until' | 'isWaited' | 'level'> & { from: number };

export interface RunnerOptions {
  storage: Storage;
  tools: Promise<Tools>;
  /** Encodes a range; tests have one that needs no ffmpeg. */
  run: typeof run;
  onStored(job: Job, active: ActiveRendition, index: number | 'init'): void;
}

export interface Runner {
  /** Starts at once; its `done` settles when the process has ended, and rejects as the run does. */
  start(job: Job, active: ActiveRendition, run: NewRun): ActiveRun;
}

export function createRunner({ storage, tools, run: encodeRange, onStored }: RunnerOptions): Runner {
  let lastId = 0;

  const encode = async (job: Job, active: ActiveRendition, run: ActiveRun) => {
    const { track } = job;
    const { rendition, coverage } = active;
    const { home } = track;
    /** Stored with the first media segment: by then this ffmpeg is known to keep to the timeline. */
    let newInit: Buffer | undefined;
    const gotInit = (bytes: Buffer) => {
      newInit = undefined;
      coverage.add('init', bytes.length);
      onStored(job, active, 'init');
    };
    const { ffmpeg, background, timeouts } = await tools;
    const signal = AbortSignal.any([job.controller.signal, run.controller.signal]);
    await storage.usingSource(
      track,
      (input) =>
        encodeRange({
          track,
          rendition,
          executable: run.isWaited ? ffmpeg : (background[run.level] ?? ffmpeg),
          input,
          from: run.next,
          // A run ends at the first segment that is stored already.
          until: () => (covers(coverage, run.next) ? run.next : run.until),
          signal,
          silentMs: timeouts.silentMs,
          onStart(pid) {
            run.pid = pid;
          },
          async onInit(bytes) {
            const stored = await storage.readSegment(home, initSegmentName(rendition));
            if (stored && !stored.equals(bytes)) throw new InitChangedError(rendition);
            if (!stored) newInit = bytes;
            else gotInit(bytes);
          },
          async onSegment(index, bytes) {
            if (newInit) {
              await storage.putSegment(home, initSegmentName(rendition), newInit);
              gotInit(newInit);
            }
            // A published segment never changes.
            if (!covers(coverage, index)) {
              await storage.putSegment(home, mediaSegmentName(rendition, index), bytes);
              coverage.add(index, bytes.length);
            }
            run.next = index + 1;
            run.published++;
            run.lastPublishedAt = performance.now();
            run.firstPublishedAt ||= run.lastPublishedAt;
            onStored(job, active, index);
          },
        }),
      { signal },
    );
  };

  return {
    start(job, active, { from, ...options }) {
      const startedAt = performance.now();
      const run: ActiveRun = {
        ...options,
        id: ++lastId,
        next: from,
        published: 0,
        startedAt,
        firstPublishedAt: 0,
        lastPublishedAt: startedAt,
        pid: undefined,
        isStopping: false,
        controller: new AbortController(),
        done: Promise.resolve(),
      };
      run.done = encode(job, active, run);
      return run;
    },
  };
}
