/**
 * Shares the one thread between long pieces of work and everything else. Long work is cut into slices of a millisecond or
 * so, and each turn of the event loop runs one slice of one of them: requests wait for one slice, however many lists and
 * searches go on.
 */
export interface TimeSlices {
  /** Resolves when the next slice of this work may run; work that has waited longest goes first. */
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
