import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createBudget } from '../../../src/governor/budget.ts';
import { CLIENT_TIMEOUTS } from '../../../src/http/connections/timeouts.ts';
import { createUploadSlots, type UploadSlot } from '../../../src/http/connections/upload-slots.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const open = (limit: number) => {
  const places = createBudget({ limit });
  return { places, ...createUploadSlots(places, CLIENT_TIMEOUTS) };
};
const codeOf = ({ signal }: UploadSlot) => (signal.aborted ? signal.reason.code : 'none');
const seconds = (count: number) => vi.advanceTimersByTime(count * 1000);
/** Stores bytes of each upload every second. */
function move(count: number, ...speeds: [UploadSlot, number][]): void {
  for (const [slot] of speeds) slot.waitsFor('file');
  for (let second = 0; second < count; second++) {
    for (const [slot, bytes] of speeds) slot.stored(bytes);
    seconds(1);
  }
}

describe('an upload', () => {
  it('that sends its file keeps its place', () => {
    const { take, places } = open(1);
    const slot = take('a');
    move(200, [slot, 1100]);
    expect(codeOf(slot)).toBe('none');
    slot.release();
    slot.release();
    expect(places.inUse).toBe(0);
  });

  it('that stalls in its file ends after a minute', () => {
    const slot = open(9).take('a');
    move(59, [slot, 1000]);
    expect(codeOf(slot)).toBe('none');
    move(2, [slot, 1000]);
    expect(codeOf(slot)).toBe('upload_too_slow');
  });

  it('that sends only other parts of the form ends after ten seconds', () => {
    const { take, places } = open(9);
    const slot = take('a');
    slot.waitsFor('form');
    seconds(9);
    expect(codeOf(slot)).toBe('none');
    seconds(1);
    expect(codeOf(slot)).toBe('upload_too_slow');
    expect(places.inUse).toBe(0);
  });

  it('keeps its place while a slow disk takes nothing', () => {
    const slot = open(9).take('a');
    slot.waitsFor(null);
    seconds(600);
    expect(codeOf(slot)).toBe('none');
  });
});

describe('if all places are taken', () => {
  it('a stalled upload loses its place to any other', () => {
    const { take } = open(2);
    const [moving, idle] = [take('a'), take('b')];
    move(3, [moving, 1_000_000], [idle, 10]);
    take('c');
    expect([moving, idle].map(codeOf)).toEqual(['none', 'upload_too_slow']);
  });

  it('an upload that sends 1.2 kB/s before its file loses its place', () => {
    const { take } = open(1);
    const slot = take('a');
    slot.waitsFor('form');
    seconds(1);
    expect(() => take('b')).toThrow('MAX_UPLOADS');
    seconds(1);
    take('b');
    expect(codeOf(slot)).toBe('upload_too_slow');
  });

  it('the holder with the most places loses its slowest upload', () => {
    const { take } = open(3);
    const [fast, slow, other] = [take('greedy'), take('greedy'), take('modest')];
    move(5, [fast, 2_000_000], [slow, 1_000_000], [other, 5000]);
    const newcomer = take('new');
    expect([fast, slow, other, newcomer].map(codeOf)).toEqual(['none', 'too_many_uploads', 'none', 'none']);
  });

  it('no upload ends for a holder that would then have as many', () => {
    const { take } = open(4);
    const slots = ['a', 'a', 'b', 'b'].map(take);
    move(5, ...slots.map((slot): [UploadSlot, number] => [slot, 5000]));
    expect(() => take('a')).toThrow('MAX_UPLOADS');
    take('c');
    expect(() => take('c')).toThrow('MAX_UPLOADS');
    expect(slots.map(codeOf).filter((code) => code !== 'none')).toEqual(['too_many_uploads']);
  });

  it('one client that fills every place again and again does not keep others out', () => {
    const { take, places } = open(8);
    const crowd = () => {
      for (;;) {
        try {
          take('crowd').waitsFor('file');
        } catch {
          return;
        }
      }
    };
    crowd();
    const others = ['b', 'c', 'd'].map((holder) => {
      const slot = take(holder);
      crowd();
      return slot;
    });
    move(5, ...others.map((slot): [UploadSlot, number] => [slot, 5000]));
    crowd();
    expect(others.map(codeOf)).toEqual(['none', 'none', 'none']);
    expect([places.inUse, places.heldBy('crowd')]).toEqual([8, 5]);
  });
});
