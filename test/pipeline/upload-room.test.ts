import { expect, it } from 'vitest';
import { createDiskBudget } from '../../src/governor/disk-budget.ts';
import { reserveUploadRoom } from '../../src/pipeline/upload-room.ts';

const MIB = 1024 ** 2;

/** A disk with so many bytes free, of which what is written is taken. */
function diskOf(bytes: number) {
  const disk = { free: bytes };
  const budget = createDiskBudget({
    room: async () => ({ bytes: disk.free, files: Number.POSITIVE_INFINITY }),
    minFreeBytes: 0,
  });
  const write = async (room: Awaited<ReturnType<typeof reserveUploadRoom>>, count: number) => {
    await room.makeSure(count);
    disk.free -= count;
    room.wrote(count);
  };
  return { disk, budget, write };
}

it('an upload gets the room that it declares, whatever others declare meanwhile', async () => {
  const { budget, write } = diskOf(10 * MIB);
  const room = await reserveUploadRoom(budget, 6 * MIB);
  expect(budget.reservedBytes).toBe(6 * MIB);
  await expect(reserveUploadRoom(budget, 6 * MIB)).rejects.toMatchObject({ code: 'storage_full' });
  for (let count = 0; count < 6; count++) await write(room, MIB);
  expect(budget.reservedBytes).toBe(0);
  await (await reserveUploadRoom(budget, 4 * MIB)).release();
  room.release();
  room.release();
  expect(budget.reservedBytes).toBe(0);
});

it('an upload that declares nothing is promised eight megabytes at a time', async () => {
  const { budget, write } = diskOf(20 * MIB);
  const room = await reserveUploadRoom(budget, 0);
  for (let count = 0; count < 9; count++) await write(room, MIB);
  expect(budget.reservedBytes).toBe(7 * MIB);
  for (let count = 0; count < 7; count++) await write(room, MIB);
  await expect(write(room, MIB)).rejects.toMatchObject({ code: 'storage_full' });
  room.release();
  expect(budget.reservedBytes).toBe(0);
});

it('the disk is looked at every eight megabytes, for others write to it too', async () => {
  const { disk, budget, write } = diskOf(100 * MIB);
  const room = await reserveUploadRoom(budget, 50 * MIB);
  disk.free = 10 * MIB;
  const sent = async () => {
    for (let count = 1; ; count++) {
      const error = await write(room, MIB).catch((reason: unknown) => reason);
      if (error) return { count, error };
    }
  };
  expect(await sent()).toMatchObject({ count: 8, error: { code: 'storage_full' } });
});
