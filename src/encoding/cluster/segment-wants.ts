/** Requests on this node for segments of tracks that another node encodes. */
import type { SegmentPlace } from '../encoder.ts';
import type { WaitOutcome } from '../segment-waiters.ts';
import { placeKey, type SegmentWant } from './messages.ts';

/** `changed`: the track may have another owner, or none: look again. */
export type WantOutcome = WaitOutcome | 'changed';

export interface SegmentWants {
  /**
   * Asks for a segment each second until there is an outcome. Rejects with the signal's reason.
   *
   * @param ask asks the owner, and resolves with an outcome where one is known without it. Must not reject.
   */
  wait(
    filename: string,
    segment: SegmentPlace,
    options: {
      signal: AbortSignal;
      holder: string;
      ask(want: SegmentWant): Promise<WaitOutcome | undefined>;
    },
  ): Promise<WantOutcome>;
  /** Ends the waits for a segment. */
  settle(segment: Pick<SegmentWant, 'filename' | 'renditionId' | 'index'>, outcome: WaitOutcome): void;
  /** Ends all waits for segments of a track, or of all tracks. */
  end(outcome: WantOutcome, filename?: string): void;
}

const ASK_AGAIN_MS = 1000;

interface Wait {
  filename: string;
  settle(outcome: WantOutcome): void;
}

export function createSegmentWants(): SegmentWants {
  const waits = new Map<string, Set<Wait>>();

  return {
    wait(filename, { renditionId, index }, { signal, holder, ask }) {
      signal.throwIfAborted();
      const want: SegmentWant = { ask: 'segment', filename, renditionId, index, holder };
      const key = placeKey(want);
      return new Promise((resolve, reject) => {
        const askNow = () =>
          void ask(want).then((outcome) => {
            if (outcome !== undefined) wait.settle(outcome);
          });
        const again = setInterval(askNow, ASK_AGAIN_MS);
        const leave = () => {
          clearInterval(again);
          signal.removeEventListener('abort', onAbort);
          ofSegment.delete(wait);
          if (ofSegment.size === 0 && waits.get(key) === ofSegment) waits.delete(key);
        };
        const onAbort = () => {
          leave();
          reject(signal.reason);
        };
        const wait: Wait = {
          filename,
          settle(outcome) {
            leave();
            resolve(outcome);
          },
        };
        const ofSegment = waits.get(key) ?? new Set<Wait>();
        waits.set(key, ofSegment.add(wait));
        signal.addEventListener('abort', onAbort, { once: true });
        askNow();
      });
    },
    settle(segment, outcome) {
      for (const wait of [...(waits.get(placeKey(segment)) ?? [])]) wait.settle(outcome);
    },
    end(outcome, filename) {
      for (const ofSegment of [...waits.values()]) {
        for (const wait of [...ofSegment]) {
          if (filename === undefined || wait.filename === filename) wait.settle(outcome);
        }
      }
    },
  };
}
