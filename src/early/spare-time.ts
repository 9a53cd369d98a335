/** Tells whether processor time is left over for early encodes. */
import { createEventLoopLoad } from './event-loop-load.ts';

/** Between the steps of a new track (examined, recorded, taken up) nothing is at work for some 0.02 s. */
const LINGER_MS = 200;

export interface SpareTimeOptions {
  /** Returns whether accepted work is at work now. */
  isAtWork(): boolean;
  /** Returns whether the server itself needs a processor; by default by the load of the event loop. */
  isServing?: () => boolean;
  /** Returns milliseconds; tests have their own clock. */
  now?: () => number;
}

/** Creates a function that returns whether accepted work needs the processors, or did a moment ago. */
export function createSpareTime({
  isAtWork,
  isServing = createEventLoopLoad().isBusy,
  now = () => performance.now(),
}: SpareTimeOptions): () => boolean {
  let busyUntil = Number.NEGATIVE_INFINITY;
  return () => {
    if (isAtWork() || isServing()) busyUntil = now() + LINGER_MS;
    return now() < busyUntil;
  };
}
