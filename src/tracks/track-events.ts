/** Publishes changes of tracks to listeners: progress at most four times a second per track. */

export type Change = 'changed' | 'removed';
export type Listener = (filename: string, change: Change) => void;

export interface TrackEvents {
  changed(filename: string): void;
  removed(filename: string): void;
  /** Publishes a change later: several calls within a quarter of a second become one. */
  progressed(filename: string): void;
  /** Returns whether a listener wants to hear of progress. */
  isFollowed(): boolean;
  /**
   * Adds a listener, and returns the function that removes it.
   *
   * @param options.progress false for one that does not want to hear of progress.
   */
  listen(listener: Listener, options?: { progress: boolean }): () => void;
}

const PROGRESS_EVERY_MS = 250;

/** Creates an event source without listeners. */
export function createTrackEvents(): TrackEvents {
  const listeners = new Set<Listener>();
  /** Those listeners that want to hear of progress. */
  const followers = new Set<Listener>();
  /** Timers of changes that are due, by track. An idle server has none. */
  const pending = new Map<string, NodeJS.Timeout>();

  const publish = (filename: string, change: Change, to = listeners) => {
    clearTimeout(pending.get(filename));
    pending.delete(filename);
    for (const listener of to) listener(filename, change);
  };
  return {
    changed: (filename) => publish(filename, 'changed'),
    removed: (filename) => publish(filename, 'removed'),
    progressed(filename) {
      if (followers.size === 0 || pending.has(filename)) return;
      pending.set(
        filename,
        setTimeout(() => publish(filename, 'changed', followers), PROGRESS_EVERY_MS),
      );
    },
    isFollowed: () => followers.size > 0,
    listen(listener, { progress } = { progress: true }) {
      listeners.add(listener);
      if (progress) followers.add(listener);
      return () => {
        listeners.delete(listener);
        followers.delete(listener);
      };
    },
  };
}
