/** Tells whoever listens that a track has changed. Progress is told at most four times a second and track. */

export type Change = 'changed' | 'removed';
export type Listener = (filename: string, change: Change) => void;

export interface TrackEvents {
  changed(filename: string): void;
  removed(filename: string): void;
  /** As `changed`, but several within a quarter of a second become one. */
  progressed(filename: string): void;
  /** @returns what ends it. */
  listen(listener: Listener): () => void;
}

const PROGRESS_EVERY_MS = 250;

export function createTrackEvents(): TrackEvents {
  const listeners = new Set<Listener>();
  /** There is a timer only where something is to be told: an idle server has none. */
  const pending = new Map<string, NodeJS.Timeout>();

  const tell = (filename: string, change: Change) => {
    clearTimeout(pending.get(filename));
    pending.delete(filename);
    for (const listener of listeners) listener(filename, change);
  };
  return {
    changed: (filename) => tell(filename, 'changed'),
    removed: (filename) => tell(filename, 'removed'),
    progressed(filename) {
      if (listeners.size === 0 || pending.has(filename)) return;
      pending.set(
        filename,
        setTimeout(() => tell(filename, 'changed'), PROGRESS_EVERY_MS),
      );
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
