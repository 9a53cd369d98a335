import { beforeEach, describe, expect, it } from 'vitest';
import type { ListeningState } from '../../src/database/listening.ts';
import { createKnownTracks, type KnownTracks } from '../../src/library/known-tracks.ts';
import { sampleTrack } from '../support/sample-track.ts';

describe('what a node knows of a track', () => {
  let state: ListeningState;
  let known: KnownTracks;
  beforeEach(() => {
    state = 'listening';
    known = createKnownTracks(() => state);
  });

  const track = sampleTrack();
  const NAME = track.filename;
  const keep = (version: number, found = track) => {
    const reading = known.begin(NAME);
    const kept = reading.keep({ track: found, version });
    reading.end();
    return kept;
  };

  it('counts as long as it listens', () => {
    keep(1);
    expect(known.peek(NAME)).toBe(track);
    state = 'lost';
    expect(known.peek(NAME)).toBeUndefined();
    expect(known.last(NAME)).toBe(track);
  });

  it('is served while the database is away, also what has changed before that', () => {
    keep(1);
    known.heard(NAME, 2);
    known.missed();
    state = 'away';
    expect(known.peek(NAME)).toBe(track);
  });

  it('does not count after a later change, nor after a gap', () => {
    keep(1);
    known.heard(NAME, 1);
    expect(known.peek(NAME)).toBe(track);
    known.heard(NAME, 2);
    expect(known.peek(NAME)).toBeUndefined();
    keep(2, sampleTrack({ samples: 7 }));
    expect(known.peek(NAME)?.samples).toBe(7);
    known.missed();
    expect(known.peek(NAME)).toBeUndefined();
  });

  it('is what a message says has become of it, and of no track that nobody asked for', () => {
    const changed = () => sampleTrack({ samples: 7 });
    known.heard(NAME, 2, changed);
    expect(known.last(NAME)).toBeUndefined();
    keep(3);
    known.heard(NAME, 2, changed);
    expect(known.peek(NAME)).toBe(track);
    known.heard(NAME, 4, changed);
    expect(known.current(NAME)).toMatchObject({ version: 4, track: { samples: 7 } });
    known.heard(NAME, 5);
    expect(known.peek(NAME)).toBeUndefined();
  });

  it('is the same object where a read brings the same version', () => {
    keep(1);
    known.missed();
    expect(keep(1, sampleTrack())).toBe(track);
    expect(known.peek(NAME)).toBe(track);
  });

  it('is not taken back by a read that was slower than a change', () => {
    const slow = known.begin(NAME);
    keep(2, sampleTrack({ samples: 7 }));
    expect(slow.keep({ track, version: 1 })?.samples).toBe(7);
    slow.end();
    expect(known.peek(NAME)?.samples).toBe(7);
  });

  it('does not count where a change was heard of, or a gap began, during the read', () => {
    for (const meanwhile of [() => known.heard(NAME, 2), () => known.missed()]) {
      const reading = known.begin(NAME);
      meanwhile();
      expect(reading.keep({ track, version: 1 })).toBe(track);
      reading.end();
      expect(known.peek(NAME)).toBeUndefined();
      known.forget(NAME);
    }
  });

  it('ends with the track', () => {
    keep(1);
    const reading = known.begin(NAME);
    expect(reading.keep(undefined)).toBeUndefined();
    reading.end();
    expect(known.last(NAME)).toBeUndefined();
  });
});
