/** Measures how an upload arrives, to decide whether an early encode of it is worth its processes. Pure, but for its clock. */

/** Fewer bytes do not tell the format of most files. */
export const MIN_BYTES = 64 * 1024;
/** A slower upload would hold its processes for longer than it spares its listener. */
const MIN_BYTES_PER_SECOND = 8 * 1024;
/** An upload from the same machine is over before its format is known: its early encode would only cost processor time. */
export const MIN_AGE_MS = 250;
/** Rates are measured over this time. A phone that changes its cell pauses for less. */
export const WINDOW_MS = 5000;

export interface Arrival {
  /** Bytes so far. */
  readonly bytes: number;
  /** Notes bytes that have come. */
  add(bytes: number): void;
  /** Returns whether enough has come, fast enough and for long enough. */
  isWorthIt(): boolean;
  /** Returns whether hardly anything has come for some time. */
  isTooSlow(): boolean;
}

/** @param now returns milliseconds; tests have their own clock. */
export function createArrival(now: () => number = () => performance.now()): Arrival {
  const startedAt = now();
  let bytes = 0;
  /** Counts of the bytes so far, about ten for each window, the oldest first. */
  let counts = [{ at: startedAt, bytes: 0 }];

  const bytesPerSecond = () => {
    const at = now();
    counts = counts.filter((count, index) => index === counts.length - 1 || at - count.at <= WINDOW_MS);
    const [oldest] = counts;
    if (!oldest) return 0;
    return ((bytes - oldest.bytes) * 1000) / Math.max(1, at - oldest.at);
  };
  const ageMs = () => now() - startedAt;

  return {
    get bytes() {
      return bytes;
    },
    add(more) {
      bytes += more;
      const at = now();
      if (at - (counts.at(-1)?.at ?? 0) >= WINDOW_MS / 10) counts.push({ at, bytes });
    },
    isWorthIt: () => bytes >= MIN_BYTES && ageMs() >= MIN_AGE_MS && bytesPerSecond() >= MIN_BYTES_PER_SECOND,
    isTooSlow: () => ageMs() >= WINDOW_MS && bytesPerSecond() < MIN_BYTES_PER_SECOND,
  };
}
