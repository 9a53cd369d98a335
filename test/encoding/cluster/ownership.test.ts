import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Lease, Leases } from '../../../src/encoding/cluster/leases.ts';
import { createOwnership, type OwnershipOptions } from '../../../src/encoding/cluster/ownership.ts';
import { sampleTrack } from '../../support/sample-track.ts';

describe('a node that looks for tracks', () => {
  /** A database that has enough of them. */
  async function claimsWith(held: number) {
    const claims: object[] = [];
    const leases: Partial<Leases> = {
      of: () => undefined,
      size: held,
      async claimFree(options) {
        claims.push(options);
        return [];
      },
    };
    const options = { leases, log: pino({ level: 'silent' }), concurrency: 1000, onChange() {} };
    await createOwnership({ ...options } as unknown as OwnershipOptions).claim();
    return claims;
  }

  it('takes few of those that were set aside: more than it encodes beside each other it would set aside again', async () => {
    expect(await claimsWith(0)).toEqual([{ aside: true, most: 4 }]);
    expect(await claimsWith(1998)).toEqual([{ aside: true, most: 2 }]);
    expect(await claimsWith(2000)).toEqual([{ aside: false, most: 4 }]);
  });
});

describe('a node whose machine encodes nothing', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const LEASE: Lease = { filename: 'audio.mp3', epoch: '1', attempts: 0, holder: '' };

  /** An encoder that backs off all the time, as with a broken ffmpeg. */
  function rig() {
    let held: Lease | undefined = LEASE;
    const handOver = vi.fn(async () => {
      held = undefined;
    });
    const claimFree = vi.fn(async (): Promise<Lease[]> => []);
    const leases: Partial<Leases> = {
      of: () => held,
      size: 0,
      isValid: () => true,
      handOver,
      claimFree,
    };
    const encoder = { start() {}, whenSettled: async () => 'stopped', release: vi.fn(async () => {}) };
    const ownership = createOwnership({
      leases,
      encoder,
      library: { refresh: async () => sampleTrack() },
      log: pino({ level: 'silent' }),
      concurrency: 1,
      onChange() {},
    } as unknown as OwnershipOptions);
    return { ownership, handOver, claimFree, release: encoder.release };
  }

  it('hands its track over, and takes none for a while', async () => {
    const { ownership, handOver, claimFree, release } = rig();
    void ownership.takeUp(LEASE);
    await vi.advanceTimersByTimeAsync(29_000);
    expect(handOver).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(3000);
    expect(handOver).toHaveBeenCalledWith([LEASE], { aside: false });
    expect(release).toHaveBeenCalledWith('audio.mp3');
    await ownership.claim();
    expect(claimFree).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(30_000);
    const claimed = ownership.claim();
    await vi.advanceTimersByTimeAsync(1000);
    await claimed;
    expect(claimFree).toHaveBeenCalled();
  });

  it('keeps a track of which something is stored now and then', async () => {
    const { ownership, handOver } = rig();
    void ownership.takeUp(LEASE);
    for (let n = 0; n < 5; n++) {
      await vi.advanceTimersByTimeAsync(20_000);
      ownership.progressed('audio.mp3');
    }
    expect(handOver).not.toHaveBeenCalled();
  });
});
