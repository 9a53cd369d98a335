import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createFileChanges } from '../../../src/encoding/cluster/file-changes.ts';

describe('a watch of a track', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());
  const { signal } = new AbortController();

  it('is woken by a change of its track, or of any', async () => {
    const changes = createFileChanges();
    const watch = changes.watch('a.mp3');
    for (const change of ['a.mp3', undefined]) {
      const next = watch.next(signal);
      changes.send('b.mp3');
      changes.send(change);
      await next;
    }
    watch.end();
  });

  it('misses no change between two waits', async () => {
    const changes = createFileChanges();
    const watch = changes.watch('a.mp3');
    changes.send('a.mp3');
    await watch.next(signal);
    let isWoken = false;
    const next = watch.next(signal).then(() => {
      isWoken = true;
    });
    await vi.advanceTimersByTimeAsync(900);
    expect(isWoken).toBe(false);
    await vi.advanceTimersByTimeAsync(200);
    await next;
    expect(isWoken).toBe(true);
  });

  it('ends with its signal', async () => {
    const leaving = new AbortController();
    const next = createFileChanges().watch('a.mp3').next(leaving.signal);
    leaving.abort(new Error('gone'));
    await expect(next).rejects.toThrow('gone');
  });
});
