/** Runs ffmpeg for a stretch of a rendition, and stores what it makes. */

import type { Tools } from '../ffmpeg/launcher.ts';
import { initSegmentName, mediaSegmentName } from '../presentation/segment-name.ts';
import type { Storage } from '../storage/storage.ts';
import type { Rendition } from '../tracks/track.ts';
import type { run } from './encode-range.ts';
import type { Job, LiveRun, LiveRung } from './job.ts';

/** This ffmpeg makes another init segment than the stored one: its segments do not go with those that are there. */
export class InitChangedError extends Error {
  override readonly name = 'InitChangedError';
  readonly rendition: Rendition;

  constructor(rendition: Rendition) {
    super(`the init segment of ${rendition.id} would change`);
    this.rendition = rendition;
  }
}

/** A run that is to be started. */
export type NewRun = Pick<LiveRun, 'until' | 'isWaited' | 'level'> & { from: number };

export interface RunnerOptions {
  storage: Storage;
  tools: Promise<Tools>;
  /** Encodes; tests have one that needs no ffmpeg. */
  run: typeof run;
  onStored(job: Job, rung: LiveRung, index: number | 'init'): void;
}

export interface Runner {
  /** Starts at once; its `done` settles when the process has ended, and rejects as the run does. */
  start(job: Job, rung: LiveRung, run: NewRun): LiveRun;
}

export function createRunner({ storage, tools, run, onStored }: RunnerOptions): Runner {
  let lastId = 0;

  const encode = async (job: Job, rung: LiveRung, live: LiveRun) => {
    const { track } = job;
    const { rendition, coverage } = rung;
    const { filename } = track;
    /** Published with the first segment: by then it is known that this ffmpeg keeps to the grid. */
    let newInit: Buffer | undefined;
    const gotInit = (bytes: Buffer) => {
      newInit = undefined;
      coverage.add('init', bytes.length);
      onStored(job, rung, 'init');
    };
    const { ffmpeg, background, timeouts } = await tools;
    await run({
      track,
      rendition,
      executable: live.isWaited ? ffmpeg : (background[live.level] ?? ffmpeg),
      input: await storage.sourcePath(track),
      from: live.next,
      // It ends at the first segment that is stored already.
      until: () => (coverage.stored.has(live.next) ? live.next : live.until),
      signal: AbortSignal.any([job.controller.signal, live.controller.signal]),
      silentMs: timeouts.silentMs,
      onStart(pid) {
        live.pid = pid;
      },
      async onInit(bytes) {
        const stored = await storage.readSegment(filename, initSegmentName(rendition));
        if (stored && !stored.equals(bytes)) throw new InitChangedError(rendition);
        if (!stored) newInit = bytes;
        else gotInit(bytes);
      },
      async onSegment(index, bytes) {
        if (newInit) {
          await storage.putSegment(filename, initSegmentName(rendition), newInit);
          gotInit(newInit);
        }
        // A published segment never changes.
        if (!coverage.stored.has(index)) {
          await storage.putSegment(filename, mediaSegmentName(rendition, index), bytes);
          coverage.add(index, bytes.length);
        }
        live.next = index + 1;
        live.published++;
        live.lastPublishedAt = performance.now();
        live.firstPublishedAt ||= live.lastPublishedAt;
        onStored(job, rung, index);
      },
    });
  };

  return {
    start(job, rung, { from, ...run }) {
      const startedAt = performance.now();
      const live: LiveRun = {
        ...run,
        id: ++lastId,
        next: from,
        published: 0,
        startedAt,
        firstPublishedAt: 0,
        lastPublishedAt: startedAt,
        pid: undefined,
        controller: new AbortController(),
        done: Promise.resolve(),
      };
      live.done = encode(job, rung, live);
      return live;
    },
  };
}
