/** Tells whether this process serves so much that it needs the processors itself. */
import { type EventLoopUtilization, performance } from 'node:perf_hooks';

/** Share of its time that the event loop is at work. Ten uploads of 10 Mbit/s take 0.15, requests of a full core 1. */
const BUSY_SHARE = 0.5;
/** A look at so short a time says little. */
const MIN_LOOK_MS = 100;

/** @param utilization tells the times of the event loop so far, in milliseconds; tests have their own. */
export function createEventLoopLoad(
  utilization: () => EventLoopUtilization = () => performance.eventLoopUtilization(),
): { isBusy(): boolean } {
  let last = utilization();
  let isBusy = false;

  return {
    isBusy() {
      const now = utilization();
      const active = now.active - last.active;
      const elapsed = active + now.idle - last.idle;
      if (elapsed < MIN_LOOK_MS) return isBusy;
      last = now;
      isBusy = active / elapsed > BUSY_SHARE;
      return isBusy;
    },
  };
}
