/** The owner of tracks, with leases and an encoder that do what a test says. */
import { pino } from 'pino';
import { describe, expect, it, vi } from 'vitest';
import type { Lease, Leases } from '../../../src/encoding/cluster/leases.ts';
import { createOwnership } from '../../../src/encoding/cluster/ownership.ts';
import type { Encoder } from '../../../src/encoding/encoder.ts';

const lease: Lease = { filename: 'a', epoch: '1', attempts: 0, holder: '' };
const never = () => new Promise<never>(() => {});

function ownership(changes: { leases?: Partial<Leases>; encoder?: Partial<Encoder>; status?: string } = {}) {
  const handOverAll = vi.fn(async () => {});
  const leases = {
    of: () => lease,
    size: 1,
    claimFree: async () => [],
    renew: async () => ({ found: [], lost: [], cancelled: [] }),
    settle: async () => {},
    end: async () => {},
    forget: () => {},
    handOverAll,
    ...changes.leases,
  };
  const encoder = { start: () => {}, release: async () => {}, close: async () => {}, ...changes.encoder };
  const library = { refresh: async () => ({ home: 'a', status: changes.status ?? 'processing' }) };
  const made = createOwnership({
    ...{
      leases: leases as never,
      encoder: encoder as never,
      library: library as never,
      fenced: library as never,
    },
    ...{ log: pino({ level: 'silent' }), concurrency: 1, onChange: () => {} },
  });
  return { ...made, handOverAll };
}

describe('the owner of tracks', () => {
  it.each(['lost', 'cancelled'] as const)(
    'renews its other leases while the encode of a %s one ends',
    async (how) => {
      const found = { found: [], lost: [], cancelled: [], [how]: [lease] };
      const { renew } = ownership({
        leases: { renew: async () => found },
        // S3 does not answer to a segment that is on its way.
        encoder: { release: never, cancel: never },
      });
      await expect(renew()).resolves.toBeUndefined();
    },
  );

  it('drops early segments of a track that is gone before its encode begins', async () => {
    const before = vi.fn(async () => {});
    await ownership({ status: 'failed' }).takeUp(lease, before);
    expect(before).toHaveBeenCalledOnce();
  });

  it('hands over what it was given while it stops', async () => {
    let give: (given: Lease[]) => void = () => {};
    const claimFree = () => new Promise<Lease[]>((resolve) => (give = resolve));
    const { claim, close, handOverAll } = ownership({ leases: { size: 0, claimFree } });
    const claiming = claim();
    await vi.waitFor(() => expect(give).toHaveLength(1));
    await close();
    expect(handOverAll).toHaveBeenCalledOnce();
    give([lease]);
    await claiming;
    expect(handOverAll).toHaveBeenCalledTimes(2);
  });

  it('with hundreds of new tracks takes over those of a lost owner within a second', async () => {
    const claimFree = vi.fn(async () => []);
    const begun = performance.now();
    await ownership({ leases: { size: 1000, claimFree } }).claim();
    expect(claimFree).toHaveBeenCalled();
    expect(performance.now() - begun).toBeLessThan(1000);
  });
});
