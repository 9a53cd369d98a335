/** Finds pauses: spans in which no sample of any channel reaches a level. Pure. */

/** Shortest pause in seconds. */
const SHORTEST_SECONDS = 0.5;
/** -50 dBFS in samples of 16 bits, of which 32,768 is full scale: 103.6. A sample of this size or more is no pause. */
export const LOUD = Math.ceil(32_768 * 10 ** (-50 / 20));

/** Start and end in seconds. */
export type Pause = [startSeconds: number, endSeconds: number];

export interface PauseFinder {
  /** Notes a loud sample, by its number. To be called in the order of the samples. */
  loud(sample: number): void;
  /** Returns all pauses, the last of which may go on to the end. */
  end(samples: number): Pause[];
}

export function createPauseFinder(sampleRate: number): PauseFinder {
  const shortest = SHORTEST_SECONDS * sampleRate;
  const pauses: Pause[] = [];
  /** First sample after the last loud one. */
  let quietFrom = 0;
  const seconds = (sample: number) => Math.round((sample * 1000) / sampleRate) / 1000;
  const quietUntil = (sample: number) => {
    if (sample - quietFrom >= shortest) pauses.push([seconds(quietFrom), seconds(sample)]);
  };
  return {
    loud(sample) {
      quietUntil(sample);
      quietFrom = sample + 1;
    },
    end(samples) {
      quietUntil(samples);
      return pauses;
    },
  };
}
