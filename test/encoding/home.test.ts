/** Segments are kept under the home of their track, and nobody takes its file name for it: on disk alone they are the same. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { FastifyReply } from 'fastify';
import { expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { createSegments } from '../../src/http/streaming/segments.ts';
import type { Services } from '../../src/services.ts';
import { cacheSegments } from '../../src/storage/cache.ts';
import type { Track } from '../../src/tracks/track.ts';
import { encoderRig, FILENAME, removeFrom, SEGMENTS } from '../support/encoder-rig.ts';

const HOME = '4f5b8f0e-9f5c-4f0a-a5a8-6e2e6ef3a1c7';

/** A track with a home as another library gives it, encoded. */
async function movedRig(options: Parameters<typeof encoderRig>[0] = {}) {
  const rig = await encoderRig(options);
  await rig.addTrack();
  const track = (await rig.library.update(FILENAME, (now) => ({ ...now, home: HOME }))) as Track;
  rig.encoder.start(track);
  await rig.encoder.whenSettled(FILENAME);
  const stored = async (home: string) =>
    (await rig.storage.listSegments(home)).map(({ name }) => name).sort();
  return { ...rig, track, stored };
}

it('segments are stored in the home of a track, read from there and removed from there', async () => {
  const { library, storage, encoder, track, stored, nameOf } = await movedRig();
  expect((await library.get(FILENAME))?.status).toBe('ready');
  expect(await stored(HOME)).toHaveLength(SEGMENTS + 1);
  expect(await stored(FILENAME)).toEqual([]);

  const cached = cacheSegments(storage, { maxBytes: 1_000_000, isWhole: () => true });
  const services = { library, storage: cached, encoder } as unknown as Services;
  const segments = createSegments(services, {} as Config, { always: [], of: () => [] } as never);
  const params = { filename: FILENAME, segmentName: nameOf(track, 1) };
  expect(segments.cached(FILENAME, params.segmentName)).toBeUndefined();
  const found = await segments.find(params, {} as FastifyReply);
  expect(segments.cached(FILENAME, params.segmentName)).toBe(found);
  expect(segments.cached(HOME, params.segmentName)).toBeUndefined();

  await removeFrom({ library, storage, encoder });
  expect(await stored(HOME)).toEqual([]);
});

it('a segment that was cut is repaired there', async () => {
  const { segmentRepair, storage, encoder, track, stored, nameOf, folder } = await movedRig();
  const name = nameOf(track, 1);
  await writeFile(path.join(folder, 'segments', HOME, name), 'cut');
  expect(await segmentRepair.repair(FILENAME, name)).toBe(true);
  await encoder.whenSettled(FILENAME);
  expect((await storage.readSegment(HOME, name))?.length).toBeGreaterThan(8);
  expect(await stored(FILENAME)).toEqual([]);
});

it('a rendition that starts anew leaves nothing of its old segments there', async () => {
  const { segmentRepair, encoder, track, stored, nameOf, folder, version } = await movedRig();
  const before = await stored(HOME);
  const name = nameOf(track, 1);
  await writeFile(path.join(folder, 'segments', HOME, name), 'cut');
  version.init = 'another init';
  expect(await segmentRepair.repair(FILENAME, name)).toBe(true);
  await encoder.whenSettled(FILENAME);
  const after = await stored(HOME);
  expect(after).toHaveLength(SEGMENTS + 1);
  expect(after.filter((each) => before.includes(each))).toEqual([]);
});
