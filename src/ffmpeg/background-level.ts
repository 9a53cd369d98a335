/**
 * Decides how much background work yields to other processes: as much as possible, as long as it advances. Pure.
 *
 * Under Linux's idle policy a process gets nothing at all beside a busy neighbour of the same session, and 10 % of a core at
 * nice 10, 24 % at nice 5. Work that gets less than a quarter of a core goes on to the next level. When the server itself is
 * busy, serving comes first: work stays at the level that yields most.
 */

/** Measurements since the last ones. */
export interface Measured {
  /** Elapsed time. */
  seconds: number;
  /** Processor time of all background runs. */
  workSeconds: number;
  /** Number of background runs. */
  runs: number;
  /** At least one of them waits for a processor; else they wait for something else, such as a disk. */
  isRunnable: boolean;
  /** Processor time of the server. */
  serverSeconds: number;
}

export interface BackgroundLevel {
  /** Index of the launcher for background work: 0 yields most. */
  readonly level: number;
  measured(measured: Measured): void;
}

const LITTLE = 0.25;
const LITTLE_FOR_SECONDS = 2;
/** Long enough that a neighbour which comes and goes does not cost restarts all the time. */
const PLENTY = 0.75;
const PLENTY_FOR_SECONDS = 10;
const SERVER_IS_BUSY = 0.5;
/** Timers are not exact. */
const TOLERANCE_SECONDS = 0.1;

/**
 * @param levels number of levels.
 * @param cores number of cores that work can use.
 */
export function createBackgroundLevel({ levels, cores }: { levels: number; cores: number }): BackgroundLevel {
  let level = 0;
  let littleFor = 0;
  let plentyFor = 0;

  const change = (to: number) => {
    level = to;
    littleFor = 0;
    plentyFor = 0;
  };

  return {
    get level() {
      return level;
    },
    measured({ seconds, workSeconds, runs, isRunnable, serverSeconds }) {
      if (serverSeconds >= SERVER_IS_BUSY * seconds) return change(0);
      const share = workSeconds / (seconds * Math.max(1, Math.min(runs, cores)));
      littleFor = isRunnable && share < LITTLE ? littleFor + seconds : 0;
      plentyFor = share >= PLENTY ? plentyFor + seconds : 0;
      if (littleFor >= LITTLE_FOR_SECONDS - TOLERANCE_SECONDS) change(Math.min(level + 1, levels - 1));
      else if (plentyFor >= PLENTY_FOR_SECONDS - TOLERANCE_SECONDS) change(0);
    },
  };
}
