/** Stops the processes of a run while accepted work needs the processors. */
import { signalGroup } from '../ffmpeg/tool-process.ts';

/** Short beside the 0.3 s in which a new track becomes playable. */
const LOOK_EVERY_MS = 20;

export interface Pausing {
  /** Begins to watch a process group, by the process that leads it. */
  started(pid: number): void;
  /** Lets the group go on, and watches it no longer. */
  end(): void;
}

/**
 * Watches a process group. To be ended before the group is ended: a stopped process does not see a TERM.
 *
 * Withheld bytes alone would stop a run as well, but only after it has encoded what it has in hand: 4 seconds of audio, and
 * with six such runs a track of somebody else was playable 0.06 s later.
 *
 * @param isBusy whether accepted work needs the processors.
 * @param send sends a signal to a process group; tests have their own.
 */
export function createPausing(isBusy: () => boolean, send: typeof signalGroup = signalGroup): Pausing {
  let group: number | undefined;
  let isStopped = false;

  const apply = (stop: boolean) => {
    if (group === undefined || stop === isStopped) return;
    isStopped = stop;
    send(group, stop ? 'SIGSTOP' : 'SIGCONT');
  };
  const timer = setInterval(() => apply(isBusy()), LOOK_EVERY_MS);
  timer.unref();

  return {
    started(pid) {
      group = pid;
    },
    end() {
      clearInterval(timer);
      apply(false);
      group = undefined;
    },
  };
}
