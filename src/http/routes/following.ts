/** Tells one client what happens to tracks: their current states first, then each change. */

import type { TimeSlices } from '../../concurrency/time-slices.ts';
import type { Library } from '../../library/library.ts';
import type { Track } from '../../tracks/track.ts';
import type { TrackEvents } from '../../tracks/track-events.ts';
import type { EventStream } from '../connections/event-stream.ts';
import type { Presenter } from '../track-view.ts';
import { TRACKS_IN_SLICE } from './track-slices.ts';

/** What one client follows. */
export interface Following {
  isMeant(filename: string): boolean;
  /** The tracks whose state is told at the beginning, in slices. */
  current(): AsyncIterable<Track[]>;
  /** Whether nothing will ever follow this state; a track that is gone is undefined. */
  isLast(track: Track | undefined): boolean;
}

interface State {
  filename: string;
  track: Track | undefined;
}

export interface FollowContext {
  library: Library;
  trackEvents: TrackEvents;
  presenter: Presenter;
  slices: TimeSlices;
}

/** Resolves when the last state is told, or the client is gone. A client that is slow gets the latest state of each track. */
export async function follow(
  stream: EventStream,
  following: Following,
  { library, trackEvents, presenter, slices }: FollowContext,
): Promise<void> {
  const changed = new Set<string>();
  let wake = () => {};
  stream.onClose(() => wake());
  // Listening comes first: what changes while the current states are sent is told after them.
  const stopListening = trackEvents.listen((filename) => {
    if (!following.isMeant(filename)) return;
    changed.add(filename);
    wake();
  });

  const eventOf = ({ filename, track }: State) =>
    track ? { event: 'track', data: presenter.view(track) } : { event: 'removed', data: { filename } };
  /** Resolves with whether nothing is left to tell. */
  const tell = async (states: State[]) => {
    await stream.send(states.map(eventOf));
    return states.some(({ track }) => following.isLast(track));
  };
  const stateOf = async (filename: string): Promise<State> => ({
    filename,
    track: await library.get(filename),
  });

  const tellCurrent = async () => {
    for await (const tracks of following.current()) {
      const isOver = await tell(tracks.map((track) => ({ filename: track.filename, track })));
      if (isOver || stream.isClosed()) return isOver;
    }
    return false;
  };
  const tellSomeChanges = async () => {
    await slices.next();
    const names = [...changed].slice(0, TRACKS_IN_SLICE);
    for (const name of names) changed.delete(name);
    return tell(await Promise.all(names.map(stateOf)));
  };

  try {
    let isOver = await tellCurrent();
    while (!isOver && !stream.isClosed()) {
      if (changed.size > 0) isOver = await tellSomeChanges();
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    stopListening();
  }
}
