import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createTelling } from '../../../src/encoding/cluster/telling.ts';
import { createTrackEvents } from '../../../src/tracks/track-events.ts';

describe('the owner of tracks', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function rig() {
    const news = new Set<string>();
    const told: string[][] = [];
    const telling = createTelling({
      trackEvents: createTrackEvents(),
      tell: async (filenames) => void told.push(filenames),
      isNews: (filename) => news.delete(filename),
    });
    return { telling, told, news };
  }

  it('leaves progress to the next renewal of its leases where no node follows it', async () => {
    const { telling, told } = rig();
    for (const filename of ['a', 'b', 'a']) telling.events.progressed(filename);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(told).toEqual([]);
    expect(telling.take()).toEqual(['a', 'b']);
    expect(telling.take()).toEqual([]);
  });

  it('tells at once that a track is playable', () => {
    const { telling, told, news } = rig();
    news.add('a');
    telling.events.changed('a');
    expect(told).toEqual([['a']]);
    expect(telling.take()).toEqual([]);
  });

  it('tells all progress once a second for as long as a node follows it', async () => {
    const { telling, told } = rig();
    telling.events.progressed('a');
    telling.followed();
    telling.events.progressed('b');
    await vi.advanceTimersByTimeAsync(1000);
    expect(told).toEqual([['a', 'b']]);
    await vi.advanceTimersByTimeAsync(5000);
    telling.events.progressed('a');
    await vi.advanceTimersByTimeAsync(5000);
    expect(told).toHaveLength(1);
  });

  it('tells nothing twice that a renewal has told meanwhile', async () => {
    const { telling, told } = rig();
    telling.followed();
    telling.events.progressed('a');
    await vi.advanceTimersByTimeAsync(500);
    telling.take();
    await vi.advanceTimersByTimeAsync(1000);
    expect(told).toEqual([]);
    telling.events.progressed('b');
    telling.close();
    await vi.advanceTimersByTimeAsync(1000);
    expect(told).toEqual([]);
  });
});
