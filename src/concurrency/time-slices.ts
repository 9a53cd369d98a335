/**
 * Shares the one thread between long work and everything else. Long work is cut into slices of about a millisecond, and
 * each turn of the event loop runs one slice. So other requests wait for one slice, however many lists and searches run.
 */
export interface TimeSlices {
  /** Resolves when the next slice of the caller may run. The caller that has waited longest goes first. */
  next(): Promise<void>;
}

export function createTimeSlices(): TimeSlices {
  const waiting: (() => void)[] = [];
  const runOne = () => {
    waiting.shift()?.();
    if (waiting.length > 0) setImmediate(runOne);
  };
  return {
    next: () =>
      new Promise((resolve) => {
        if (waiting.push(resolve) === 1) setImmediate(runOne);
      }),
  };
}
