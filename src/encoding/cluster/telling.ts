/**
 * Tells all nodes of the progress of the tracks of this one: at once when a track becomes playable, with each renewal of the
 * leases, and once a second while another node has clients that follow it.
 */
import type { TrackEvents } from '../../tracks/track-events.ts';

export interface Telling {
  /** The events of this node, as the encoder of this machine sees them: each of them is told. */
  events: TrackEvents;
  /** Tells the progress of a track now; all nodes may have heard it once this resolves. Never rejects. */
  now(filename: string): Promise<void>;
  /** Notes that a client of another node follows tracks. To be called again each second for as long as that is so. */
  followed(): void;
  /** Returns the tracks whose progress is not told yet: the caller tells it. */
  take(): string[];
  close(): void;
}

export interface TellingOptions {
  trackEvents: TrackEvents;
  /** Tells all nodes. */
  tell(filenames: string[]): Promise<void>;
  /** Returns whether a track can be played, and no node was told. */
  isNews(filename: string): boolean;
}

const TELL_EVERY_MS = 1000;
/** A node whose clients follow tracks says so once a second, and each message may be lost. */
const FORGOTTEN_MS = 3000;

export function createTelling({ trackEvents, tell, isNews }: TellingOptions): Telling {
  const pending = new Set<string>();
  let followedUntil = 0;
  let timer: NodeJS.Timeout | undefined;

  const take = () => {
    const filenames = [...pending];
    pending.clear();
    clearTimeout(timer);
    timer = undefined;
    return filenames;
  };
  // What is lost is told again with the next segment.
  const tellSafely = (filenames: string[]) => tell(filenames).catch(() => {});
  const schedule = () => {
    const isFollowed = performance.now() < followedUntil;
    if (isFollowed && pending.size > 0) timer ??= setTimeout(() => void tellSafely(take()), TELL_EVERY_MS);
  };
  const now = async (filename: string) => {
    pending.delete(filename);
    await tellSafely([filename]);
  };
  const soon = (filename: string) => {
    if (isNews(filename)) return void now(filename);
    pending.add(filename);
    schedule();
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
    followed() {
      followedUntil = performance.now() + FORGOTTEN_MS;
      schedule();
    },
    take,
    close: () => void take(),
  };
}
