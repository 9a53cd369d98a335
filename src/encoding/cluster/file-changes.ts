/** Wakes those who wait for a change of a track. */
import { createBroadcast } from '../../concurrency/broadcast.ts';
import { sleep } from '../../concurrency/sleep.ts';

export interface FileWatch {
  /**
   * Resolves at the next change, at once if there was one since the last call, and after a second at the latest: each message
   * may be lost. Rejects with the signal's reason.
   */
  next(signal: AbortSignal): Promise<void>;
  end(): void;
}

export interface FileChanges {
  /** Notes a change of a track, or of any. */
  send(filename?: string): void;
  /** Watches a track until `end`. */
  watch(filename: string): FileWatch;
}

const LOOK_AGAIN_MS = 1000;

export function createFileChanges(): FileChanges {
  const watches = new Map<string, Set<() => void>>();

  return {
    send(filename) {
      const meant = filename === undefined ? [...watches.values()] : [watches.get(filename) ?? []];
      for (const ofTrack of meant) for (const note of ofTrack) note();
    },
    watch(filename) {
      const broadcast = createBroadcast<void>();
      let hasChanged = false;
      const note = () => {
        hasChanged = true;
        broadcast.send();
      };
      const ofTrack = watches.get(filename) ?? new Set();
      watches.set(filename, ofTrack.add(note));
      return {
        async next(signal) {
          if (!hasChanged) await nextOrLater(broadcast.next.bind(broadcast), signal);
          hasChanged = false;
        },
        end() {
          ofTrack.delete(note);
          if (ofTrack.size === 0 && watches.get(filename) === ofTrack) watches.delete(filename);
        },
      };
    },
  };
}

async function nextOrLater(
  next: (options: { signal: AbortSignal }) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  // Not AbortSignal.any: each call leaves 70 bytes with a signal that lives as long as the process (Node 20).
  const onAbort = () => over.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const waits = [next(over), sleep(LOOK_AGAIN_MS, over)];
  // The one that comes second rejects.
  for (const wait of waits) wait.catch(() => {});
  try {
    await Promise.race(waits);
  } finally {
    signal.removeEventListener('abort', onAbort);
    over.abort(new Error('woken'));
  }
}
