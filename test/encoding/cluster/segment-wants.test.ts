import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createSegmentWants, type SegmentWants } from '../../../src/encoding/cluster/segment-wants.ts';

describe('a request for a segment that another node encodes', () => {
  let wants: SegmentWants;
  beforeEach(() => {
    vi.useFakeTimers();
    wants = createSegmentWants();
  });
  afterEach(() => void vi.useRealTimers());

  const place = { renditionId: 'aac-128k', index: 7 };
  const begin = (ask = vi.fn(async () => undefined as 'stored' | undefined), filename = 'a.mp3') => {
    const leaving = new AbortController();
    const outcome = wants.wait(filename, place, { signal: leaving.signal, holder: 'me', ask });
    outcome.catch(() => {});
    return { ask, leaving, outcome };
  };

  it('asks at once, and again each second', async () => {
    const { ask, outcome } = begin();
    expect(ask).toHaveBeenLastCalledWith({ ask: 'segment', filename: 'a.mp3', ...place, holder: 'me' });
    await vi.advanceTimersByTimeAsync(2500);
    expect(ask).toHaveBeenCalledTimes(3);
    wants.settle({ filename: 'a.mp3', ...place }, 'stored');
    expect(await outcome).toBe('stored');
    await vi.advanceTimersByTimeAsync(5000);
    expect(ask).toHaveBeenCalledTimes(3);
  });

  it('ends with what is known without the owner', async () => {
    const ask = vi.fn(async () => 'stored' as const);
    expect(await begin(ask).outcome).toBe('stored');
  });

  it('is settled for all who wait for the same segment, and for nobody else', async () => {
    const [one, other, elsewhere] = [begin(), begin(), begin(undefined, 'b.mp3')];
    wants.settle({ filename: 'a.mp3', ...place }, 'gone');
    expect(await Promise.all([one.outcome, other.outcome])).toEqual(['gone', 'gone']);
    wants.end('changed', 'a.mp3');
    wants.end('stopped');
    expect(await elsewhere.outcome).toBe('stopped');
  });

  it('ends when its client leaves, and asks no more', async () => {
    const { ask, leaving, outcome } = begin();
    leaving.abort(new Error('gone'));
    await expect(outcome).rejects.toThrow('gone');
    await vi.advanceTimersByTimeAsync(5000);
    expect(ask).toHaveBeenCalledTimes(1);
  });
});
