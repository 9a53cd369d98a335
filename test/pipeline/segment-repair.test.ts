/** Segments that ready tracks lack, where clients read them from the storage and the service is not asked for them. */
import { expect, it, vi } from 'vitest';
import { encoderRig, FILENAME } from '../support/encoder-rig.ts';

it('a look at a ready track brings back all segments that are missing', async () => {
  const rig = await encoderRig();
  const track = await rig.readyTrack();
  for (const index of [0, 2]) await rig.storage.removeSegment(track.home, rig.nameOf(track, index));
  rig.segmentRepair.lookOver(track);
  await vi.waitFor(async () => expect(await rig.holes()).toEqual([]));
  await rig.encoder.whenSettled(FILENAME);
});

it('a track is looked over once, and again after its record has changed', async () => {
  const rig = await encoderRig();
  const track = await rig.readyTrack();
  const list = vi.spyOn(rig.storage, 'listSegments');
  for (let n = 0; n < 3; n++) rig.segmentRepair.lookOver(track);
  expect(list).toHaveBeenCalledTimes(1);
  rig.segmentRepair.lookOver({ ...track });
  expect(list).toHaveBeenCalledTimes(2);
  rig.segmentRepair.lookOver({ ...track, status: 'processing' });
  expect(list).toHaveBeenCalledTimes(2);
});

it('a track that cannot be encoded again is named as damaged', async () => {
  const rig = await encoderRig({ keepOriginals: false });
  const track = await rig.readyTrack();
  await rig.storage.removeSegment(track.home, rig.nameOf(track, 1));
  rig.segmentRepair.lookOver(track);
  await vi.waitFor(async () => expect(await rig.segmentRepair.damaged()).toEqual([FILENAME]));
  expect((await rig.library.get(FILENAME))?.status).toBe('ready');
});

it('a look that fails is made again', async () => {
  const rig = await encoderRig();
  const track = await rig.readyTrack();
  await rig.storage.removeSegment(track.home, rig.nameOf(track, 1));
  rig.failAt('list', new Error('the storage is away'));
  rig.segmentRepair.lookOver(track);
  await vi.waitFor(async () => {
    rig.segmentRepair.lookOver(track);
    expect(await rig.holes()).toEqual([]);
  });
  await rig.encoder.whenSettled(FILENAME);
});
