/** Watches whether background runs advance beside the machine's other work, while there are any. */
import { availableParallelism } from 'node:os';
import { createBackgroundLevel } from '../ffmpeg/background-level.ts';
import { ownProcessorSeconds, processorTimes } from '../ffmpeg/processor-time.ts';
import type { ActiveRun } from './job.ts';

export interface WatchOptions {
  concurrency: number;
  /** Number of levels of yielding. */
  levels: Promise<number>;
  /** Yields all runs under way. */
  runs(): Iterable<ActiveRun>;
  /** @param level the one for background runs from now on. */
  onLook(level: number): void;
  /** Source of processor times; tests have their own. */
  clock?: { processorTimes: typeof processorTimes; ownProcessorSeconds: typeof ownProcessorSeconds };
}

export interface Watch {
  /** Index of the launcher for background runs: 0 yields most. */
  readonly level: number;
  /** To be called when a run is started. */
  start(): void;
  stop(): void;
}

const EVERY_MS = 1000;
/** A run on a free core makes 15 segments of 4 seconds in a second. The processor time of one that makes so many is not read. */
const ENOUGH_SEGMENTS = 5;

/** Measurements of one look, by the ids of runs. */
interface Look {
  at: number;
  published: Map<number, number>;
  /** Processor time so far; empty where all runs advanced. */
  seconds: Map<number, number>;
  serverSeconds: number;
}

export function createWatch(options: WatchOptions): Watch {
  const { concurrency, levels, runs, onLook, clock = { processorTimes, ownProcessorSeconds } } = options;
  const cores = Math.min(concurrency, availableParallelism());
  let background = createBackgroundLevel({ levels: 1, cores });
  levels.then(
    (count) => {
      background = createBackgroundLevel({ levels: count, cores });
    },
    // Nothing runs without tools.
    () => {},
  );
  let timer: NodeJS.Timeout | undefined;
  let last: Look | undefined;

  const look = async () => {
    const at = performance.now();
    const yielding = [...runs()].filter((run) => !run.isWaited);
    const goesWell = background.level === 0 && yielding.every((run) => madeEnough(run, last));
    const groups = new Set(goesWell ? [] : yielding.flatMap(({ pid }) => pid ?? []));
    const [times, serverSeconds] = await Promise.all([
      clock.processorTimes(groups),
      clock.ownProcessorSeconds(),
    ]);
    // Other systems than Linux tell no processor times.
    if (serverSeconds === undefined) return;
    const seconds = new Map(yielding.map((run) => [run.id, times.get(run.pid ?? 0)?.seconds ?? 0]));
    const since = last;
    const published = new Map(yielding.map((run) => [run.id, run.published]));
    last = { at, published, serverSeconds, seconds: goesWell ? new Map() : seconds };
    if (!since) return;
    const elapsed = (at - since.at) / 1000;
    const isKnown = yielding.every((run) => since.seconds.has(run.id) || run.startedAt >= since.at);
    if (!goesWell && !isKnown) return;
    const workSeconds = yielding.reduce(
      (sum, { id }) => sum + (seconds.get(id) ?? 0) - (since.seconds.get(id) ?? 0),
      0,
    );
    background.measured({
      seconds: elapsed,
      workSeconds: goesWell ? elapsed * yielding.length : workSeconds,
      runs: yielding.length,
      isRunnable: [...times.values()].some(({ isRunnable }) => isRunnable),
      serverSeconds: serverSeconds - since.serverSeconds,
    });
  };

  const lookAgainLater = () => {
    timer = setTimeout(async () => {
      await look();
      if (timer === undefined) return;
      timer = undefined;
      onLook(background.level);
      if ([...runs()].length > 0) start();
    }, EVERY_MS);
    timer.unref();
  };

  const start = () => {
    if (timer === undefined) lookAgainLater();
  };

  return {
    get level() {
      return background.level;
    },
    start,
    stop() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}

function madeEnough(run: ActiveRun, last: Look | undefined): boolean {
  return run.published - (last?.published.get(run.id) ?? 0) >= ENOUGH_SEGMENTS;
}
