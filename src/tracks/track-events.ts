/** Publishes changes of tracks to listeners: progress at most four times a second per track. */

export type Change = 'changed' | 'removed';
export type Listener = (filename: string, change: Change) => void;

export interface TrackEvents {
  changed(filename: string): void;
  removed(filename: string): void;
  /** Publishes a change later: several calls within a quarter of a second become one. */
  progressed(filename: string): void;
  /** Returns whether there is a listener. */
  isHeard(): boolean;
  /** Adds a listener, and returns the function that removes it. */
  listen(listener: Listener): () => void;
}

const PROGRESS_EVERY_MS = 250;

/** Creates an event source without listeners. */
export function createTrackEvents(): TrackEvents {
  const listeners = new Set<Listener>();
  /** Timers of changes that are due, by track. An idle server has none. */
  const pending = new Map<string, NodeJS.Timeout>();

  const publish = (filename: string, change: Change) => {
    clearTimeout(pending.get(filename));
    pending.delete(filename);
    for (const listener of listeners) listener(filename, change);
  };
  return {
    changed: (filename) => publish(filename, 'changed'),
    removed: (filename) => publish(filename, 'removed'),
    progressed(filename) {
      if (listeners.size === 0 || pending.has(filename)) return;
      pending.set(
        filename,
        setTimeout(() => publish(filename, 'changed'), PROGRESS_EVERY_MS),
      );
    },
    isHeard: () => listeners.size > 0,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
