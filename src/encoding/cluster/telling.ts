/** Tells all nodes of the progress of the tracks of this one: once a second per track, and at once what listeners wait for. */
import type { TrackEvents } from '../../tracks/track-events.ts';

export interface Telling {
  /** The events of this node, as the encoder of this machine sees them: each of them is told. */
  events: TrackEvents;
  /** Tells the progress of a track now; all nodes may have heard it once this resolves. Never rejects. */
  now(filename: string): Promise<void>;
  close(): void;
}

export interface TellingOptions {
  trackEvents: TrackEvents;
  /** Tells all nodes. */
  tell(filename: string): Promise<void>;
  /** Returns whether a track can be played, and no node was told. */
  isNews(filename: string): boolean;
}

const TELL_EVERY_MS = 1000;

export function createTelling({ trackEvents, tell, isNews }: TellingOptions): Telling {
  const pending = new Map<string, NodeJS.Timeout>();

  const now = async (filename: string) => {
    clearTimeout(pending.get(filename));
    pending.delete(filename);
    // It is told again with the next segment.
    await tell(filename).catch(() => {});
  };
  const soon = (filename: string) => {
    if (isNews(filename)) void now(filename);
    else if (!pending.has(filename))
      pending.set(
        filename,
        setTimeout(() => void now(filename), TELL_EVERY_MS),
      );
  };

  return {
    events: {
      ...trackEvents,
      changed(filename) {
        trackEvents.changed(filename);
        soon(filename);
      },
      progressed(filename) {
        trackEvents.progressed(filename);
        soon(filename);
      },
    },
    now,
    close() {
      for (const timer of pending.values()) clearTimeout(timer);
      pending.clear();
    },
  };
}
