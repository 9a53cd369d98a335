import { describe, expect, it } from 'vitest';
import { createDiskBudget } from '../../src/governor/disk-budget.ts';

const full = expect.objectContaining({ code: 'storage_full', status: 507 });

describe('the disk budget', () => {
  it('promises the same bytes once, however many requests come at the same moment', async () => {
    const disk = createDiskBudget({ room: async () => ({ bytes: 100, files: 5000 }), minFreeBytes: 10 });
    const asked = await Promise.allSettled([50, 40, 30].map((bytes) => disk.reserve({ bytes })));
    expect(asked.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(asked[2]).toMatchObject({ reason: full });
    expect(disk.reservedBytes).toBe(90);
  });

  it('leaves written bytes to the count of the disk, and takes a reservation back whole', async () => {
    const disk = createDiskBudget({ room: async () => ({ bytes: 100, files: 5000 }), minFreeBytes: 0 });
    const reservation = await disk.reserve({ bytes: 60 });
    reservation.wrote(20);
    expect(disk.reservedBytes).toBe(40);
    expect(await disk.availableBytes()).toBe(60);
    // A client that sends more than it announced takes nothing from the reservations of others.
    reservation.wrote(1000);
    expect(disk.reservedBytes).toBe(0);
    reservation.release();
    reservation.release();
    reservation.wrote(5);
    expect(disk.reservedBytes).toBe(0);
  });

  it('keeps the room that accepted work will still take', async () => {
    const disk = createDiskBudget({
      room: async () => ({ bytes: 100, files: 5000 }),
      minFreeBytes: 10,
      demand: () => ({ bytes: 70, files: 10 }),
    });
    await expect(disk.reserve({ bytes: 21 })).rejects.toEqual(full);
    await disk.reserve({ bytes: 20 });
  });

  it('refuses when too few inodes are free', async () => {
    const disk = createDiskBudget({ room: async () => ({ bytes: 1e9, files: 1010 }), minFreeBytes: 0 });
    await disk.reserve({ bytes: 1, files: 10 });
    await expect(disk.reserve({ bytes: 1 })).rejects.toEqual(full);
  });
});
