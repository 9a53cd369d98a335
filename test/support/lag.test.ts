import { describe, expect, it } from 'vitest';
import { lagAt } from './lag.ts';
import { noise } from './noise.ts';

describe('the lag of noise', () => {
  const { pcm } = noise({ samples: 20_000, seed: 3 });
  const late = (samples: number, of: (n: number) => number = (n) => pcm[n] ?? 0) =>
    Float32Array.from({ length: pcm.length }, (_, n) => of(n - samples));
  const other = noise({ samples: 20_000, seed: 4 }).pcm;
  /** Half of it is another noise. */
  const poor = (n: number) => (pcm[n] ?? 0) + (other[n] ?? 0);

  it.each([-1200, -1000, -1, 0, 1, 7, 1200])('is found to the sample: %i', (lag) => {
    expect(lagAt(late(lag), pcm, 5000)).toBe(lag);
    expect(lagAt(late(lag, poor), pcm, 5000)).toBe(lag);
  });

  it('is found as far as it is searched for', () => {
    expect(lagAt(late(9999), pcm, 3000, { reach: 10_000 })).toBe(9999);
    expect(lagAt(late(3), pcm, 3000, { window: 8000, reach: 8 })).toBe(3);
  });

  it('is that of most of a stretch, not of a sample in place', () => {
    const cut = late(0);
    cut.copyWithin(5200, 5201);
    expect(lagAt(cut, pcm, 5300)).toBe(-1);
  });
});
