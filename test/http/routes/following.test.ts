/** Sends states to one client of an event stream, and ends. */
import { describe, expect, it } from 'vitest';
import { createTimeSlices } from '../../../src/concurrency/time-slices.ts';
import { createLiveWaveforms } from '../../../src/facts/live-waveforms.ts';
import type { EventStream } from '../../../src/http/connections/event-stream.ts';
import { type FollowContext, type Following, follow } from '../../../src/http/routes/following.ts';
import type { Track } from '../../../src/tracks/track.ts';
import { createTrackEvents } from '../../../src/tracks/track-events.ts';
import { until } from '../../support/client.ts';
import { sampleTrack } from '../../support/sample-track.ts';

const NAME = 'song.mp3';
const processing = sampleTrack({ filename: NAME, status: 'processing' });
const ready = sampleTrack({ filename: NAME, status: 'ready' });

/** Makes a client that follows one track, and the server parts around it. */
function following() {
  const tracks = new Map<string, Track>([[NAME, processing]]);
  const trackEvents = createTrackEvents();
  const liveWaveforms = createLiveWaveforms();
  const told: string[] = [];
  const closeListeners: (() => void)[] = [];
  let isClosed = false;
  let taken = Promise.resolve();
  const stream: EventStream = {
    async send(events) {
      for (const { event, data } of events) told.push(event === 'track' ? (data as Track).status : event);
      await taken;
    },
    end: () => {},
    isClosed: () => isClosed,
    onClose: (listener) => void closeListeners.push(listener),
  };
  const what: Following = {
    isMeant: (filename) => filename === NAME,
    async *current() {
      yield [...tracks.values()];
    },
    isLast: (track) => track?.status !== 'processing',
  };
  const context = {
    library: { get: async (filename: string) => tracks.get(filename), readAlbums: async () => {} },
    liveWaveforms,
    presenter: { view: (track: Track) => track },
    trackEvents,
    slices: createTimeSlices(),
  } as unknown as FollowContext;
  return {
    tracks,
    trackEvents,
    told,
    ended: follow(stream, what, context),
    /** Stops the client from reading until the returned function is called. */
    stall() {
      let go = () => {};
      taken = new Promise((resolve) => {
        go = resolve;
      });
      return () => go();
    },
    leave() {
      isClosed = true;
      for (const listener of closeListeners) listener();
    },
  };
}

describe('a client that follows one track', () => {
  it('gets the last state even if the record has it before the change is published', async () => {
    const { tracks, trackEvents, told, ended } = following();
    await until(() => expect(told).toEqual(['processing']));
    tracks.set(NAME, ready);
    trackEvents.changed(NAME);
    await ended;
    expect(told).toEqual(['processing', 'ready']);
  });

  it('gets only the latest state if it was slow', async () => {
    const { tracks, trackEvents, told, ended, stall } = following();
    const go = stall();
    for (let n = 0; n < 5; n++) trackEvents.changed(NAME);
    await until(() => expect(told).toEqual(['processing']));
    tracks.set(NAME, ready);
    trackEvents.changed(NAME);
    go();
    await ended;
    expect(told).toEqual(['processing', 'ready']);
  });

  it('gets the removal, and nothing about other tracks', async () => {
    const { tracks, trackEvents, told, ended } = following();
    trackEvents.changed('other.mp3');
    await until(() => expect(told).toEqual(['processing']));
    tracks.delete(NAME);
    trackEvents.removed(NAME);
    await ended;
    expect(told).toEqual(['processing', 'removed']);
  });

  it('is forgotten when it leaves', async () => {
    const { trackEvents, told, ended, leave } = following();
    await until(() => expect(told).toEqual(['processing']));
    leave();
    await ended;
    trackEvents.changed(NAME);
    expect(told).toEqual(['processing']);
  });
});
