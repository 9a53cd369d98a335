/** Requests for segments that are not encoded yet, or are cut: how long they wait, and which response they get. */
import { EventEmitter } from 'node:events';
import type { FastifyReply } from 'fastify';
import { expect, it } from 'vitest';
import type { Config } from '../../../src/config/config.ts';
import { createSegments } from '../../../src/http/streaming/segments.ts';
import type { Services } from '../../../src/services.ts';
import { type EncoderRig, encoderRig, FILENAME, SEGMENTS } from '../../support/encoder-rig.ts';

function requesting(rig: EncoderRig, segmentWaitSeconds = 9) {
  const services = { ...rig, started: Promise.resolve() } as unknown as Services;
  const origins = { always: [], of: () => [] };
  const segments = createSegments(services, { segmentWaitSeconds } as Config, origins as never);
  return (segmentName: string, ip = '192.0.2.1', raw = new EventEmitter()) =>
    segments.find({ filename: FILENAME, segmentName }, { raw, request: { ip } } as unknown as FastifyReply);
}

it('while a track is loaded, a request waits exactly SEGMENT_WAIT_SECONDS', async () => {
  const rig = await encoderRig();
  const hold = rig.holdUp('list');
  const track = await rig.addTrack();
  rig.encoder.start(track);
  await hold.reached;
  const request = requesting(rig, 0.05);
  await expect(request(rig.nameOf(track, 0))).rejects.toMatchObject({ code: 'segment_not_yet' });
  expect(rig.governor.usage()).toMatchObject({ holds: 0 });
  hold.open();
  await rig.encoder.whenSettled(FILENAME);
});

it('during a long repair, a request waits exactly SEGMENT_WAIT_SECONDS', async () => {
  const rig = await encoderRig();
  const track = await rig.readyTrack();
  const name = await rig.cut(track, 1);
  const hold = rig.holdUp('update');
  await expect(requesting(rig, 0.05)(name)).rejects.toMatchObject({ code: 'segment_not_yet' });
  hold.open();
  expect((await requesting(rig)(name)).bytes.length).toBeGreaterThan(0);
  expect(rig.governor.usage()).toMatchObject({ holds: 0 });
});

it('two cut segments that are requested at once are both repaired and served', async () => {
  const rig = await encoderRig();
  const track = await rig.readyTrack();
  const request = requesting(rig);
  for (let round = 0; round < 5; round++) {
    const names = [await rig.cut(track, 0), await rig.cut(track, 2)];
    const answers = await Promise.all(names.map((name) => request(name)));
    expect(answers.map(({ bytes }) => bytes.toString('latin1', 8))).toEqual([
      'init 128000 0',
      'init 128000 2',
    ]);
    await rig.encoder.whenSettled(FILENAME);
    expect(await rig.holes()).toEqual([]);
  }
});

it('a segment of a rendition that starts anew meanwhile is served under its new encode hash, and not cached', async () => {
  const rig = await encoderRig({ concurrency: 1 });
  const track = await rig.readyTrack();
  await rig.cut(track, 0);
  const name = await rig.cut(track, 1);
  rig.version.init = 'another init';
  const answer = await requesting(rig)(name);
  expect(answer.bytes.toString('latin1', 8)).toBe('another init 128000 1');
  expect(answer.headers.join()).toContain('Cache-Control,no-cache');
  await rig.encoder.whenSettled(FILENAME);
  // New requests for the old name get 404 at once.
  await expect(requesting(rig)(name)).rejects.toMatchObject({ code: 'segment_not_found' });
});

it('requests of one address wait up to its share, and give their places back', async () => {
  const rig = await encoderRig({ concurrency: 1 });
  const hold = rig.holdUp('segment');
  const track = await rig.addTrack();
  rig.encoder.start(track);
  await hold.reached;
  const request = requesting(rig);
  const client = new EventEmitter().setMaxListeners(0);
  const held = Array.from({ length: 2001 }, () =>
    request(rig.nameOf(track, SEGMENTS - 1), '192.0.2.1', client),
  );
  const outcomes = Promise.all(held.map((one) => one.catch((error) => error.code)));
  await expect(Promise.race(held)).rejects.toMatchObject({ code: 'segment_not_yet' });
  expect(rig.governor.usage()).toMatchObject({ holds: 2000 });
  // Other addresses have their own share.
  const other = request(rig.nameOf(track, SEGMENTS - 1), '192.0.2.2');
  client.emit('close');
  expect((await outcomes).filter((code) => code === 'client_closed')).toHaveLength(2000);
  hold.open();
  expect((await other).bytes.length).toBeGreaterThan(0);
  expect(rig.governor.usage()).toMatchObject({ holds: 0 });
  await rig.encoder.whenSettled(FILENAME);
});
