/** Lets a decode rest while clients need the processors, and ends one that gets nowhere. */
import { createPausing } from '../early/pausing.ts';

/** A decode that gets no processor time beside a busy neighbour is not stuck: it yields to everything. */
const STUCK_SECONDS = 600;
const TICK_MS = 1000;

/** A decode made no progress for so long that it counts as stuck. The machine may be at fault. */
export class StuckError extends Error {
  override readonly name = 'StuckError';
}

export interface Resting {
  /** Aborted with the reason of the other signal, or with a {@link StuckError}. */
  readonly signal: AbortSignal;
  /**
   * Names the process that leads the group. Not to be called before its first output: a bubblewrap that is stopped while it
   * makes its namespaces leaves a child that waits for ever when the server is killed meanwhile.
   */
  decoding(pid: number): void;
  progressed(): void;
  /** To be called when the decode is over. */
  end(): void;
}

export function createResting(isBusy: () => boolean, signal: AbortSignal): Resting {
  const stuck = new AbortController();
  const pausing = createPausing(isBusy);
  let still = 0;
  const timer = setInterval(() => {
    still = isBusy() ? 0 : still + 1;
    if (still < STUCK_SECONDS) return;
    // A stopped process does not see a TERM.
    pausing.end();
    stuck.abort(new StuckError(`a decode has made no progress for ${STUCK_SECONDS} s`));
  }, TICK_MS);
  timer.unref();
  signal.addEventListener('abort', pausing.end, { once: true });
  return {
    signal: AbortSignal.any([signal, stuck.signal]),
    decoding: pausing.started,
    progressed() {
      still = 0;
    },
    end() {
      clearInterval(timer);
      signal.removeEventListener('abort', pausing.end);
      pausing.end();
    },
  };
}
