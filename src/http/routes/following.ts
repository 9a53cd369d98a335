/** Sends the states of tracks to one client: first the current states, then changes. */
import type { TimeSlices } from '../../concurrency/time-slices.ts';
import type { LiveWaveforms } from '../../facts/live-waveforms.ts';
import type { Library } from '../../library/library.ts';
import type { Track } from '../../tracks/track.ts';
import type { TrackEvents } from '../../tracks/track-events.ts';
import type { EventStream } from '../connections/event-stream.ts';
import type { Presenter } from '../track-view.ts';
import { TRACKS_IN_SLICE } from './track-slices.ts';
import { createWaveformDeltas } from './waveform-deltas.ts';

/** The tracks that one client follows. */
export interface Following {
  isMeant(filename: string): boolean;
  /** Yields the current tracks in slices. */
  current(): AsyncIterable<Track[]>;
  /** Returns whether this is the last state to send; undefined stands for a removed track. */
  isLast(track: Track | undefined): boolean;
}

interface State {
  filename: string;
  track: Track | undefined;
}

export interface FollowContext {
  library: Library;
  trackEvents: TrackEvents;
  liveWaveforms: LiveWaveforms;
  presenter: Presenter;
  slices: TimeSlices;
}

/** Resolves when the last state is sent, or the client is gone. A slow client gets only the latest state of each track. */
export async function follow(
  stream: EventStream,
  following: Following,
  { library, trackEvents, liveWaveforms, presenter, slices }: FollowContext,
): Promise<void> {
  const changed = new Set<string>();
  let wake = () => {};
  stream.onClose(() => wake());
  // Listen first: changes that happen while the current states are sent are sent after them.
  const stopListening = trackEvents.listen((filename) => {
    if (!following.isMeant(filename)) return;
    changed.add(filename);
    wake();
  });

  const deltas = createWaveformDeltas(liveWaveforms, {
    isMeant: following.isMeant,
    onNews: () => wake(),
  });

  const eventOf = ({ filename, track }: State) =>
    track ? { event: 'track', data: presenter.view(track) } : { event: 'removed', data: { filename } };
  /** Resolves with true if no more states follow. */
  const send = async (states: State[]) => {
    await library.readAlbums(states.flatMap(({ track }) => track ?? []));
    await stream.send(states.map(eventOf));
    return states.some(({ track }) => following.isLast(track));
  };
  const stateOf = async (filename: string): Promise<State> => ({
    filename,
    track: await library.get(filename),
  });

  const sendCurrent = async () => {
    for await (const tracks of following.current()) {
      const isOver = await send(tracks.map((track) => ({ filename: track.filename, track })));
      if (isOver || stream.isClosed()) return isOver;
    }
    return false;
  };
  const sendSomeChanges = async () => {
    await slices.next();
    const names = [...changed].slice(0, TRACKS_IN_SLICE);
    for (const name of names) changed.delete(name);
    return send(await Promise.all(names.map(stateOf)));
  };

  try {
    let isOver = await sendCurrent();
    while (!isOver && !stream.isClosed()) {
      if (changed.size > 0) isOver = await sendSomeChanges();
      else if (deltas.hasNews()) await stream.send(deltas.take());
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    stopListening();
    deltas.end();
  }
}
