/** Runs that start anywhere fit together: the same timeline, and the same sound at the joints as elsewhere. */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/encoding/encode-range.ts';
import { framesPerSegment, timelineOf } from '../../src/presentation/timeline.ts';
import { audioFile, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { decodeSegments, expectInTime, expectSoundAt, referenceOf } from '../support/on-timeline.ts';
import { type Encoded, encodeStretches, examined, partsOf } from '../support/one-run.ts';

/** The track as one file, in which all runs have the same init segment. */
function joined(encoded: Encoded): Buffer {
  for (const init of encoded.inits) expect(init).toEqual(encoded.inits[0]);
  return Buffer.concat([encoded.inits[0] as Buffer, ...partsOf(encoded).map(({ bytes }) => bytes)]);
}

describe('a track of any format, sought in at random, is in place everywhere', () => {
  const sound = noise({ samples: 24 * 44_100 - 630, seed: 33 });
  /** Nothing in them declares less than they decode to. */
  const declareNothing = ['no-header.mp3', 'windows.wma', 'opus.webm'];
  it.each<[string, string[]]>([
    ['cbr.mp3', ['-b:a', '128k']],
    ['vbr.mp3', ['-q:a', '4']],
    ['no-header.mp3', ['-q:a', '4', '-write_xing', '0']],
    ['raw.aac', ['-b:a', '160k']],
    ['aac.m4a', ['-b:a', '160k']],
    ['alac.m4a', ['-c:a', 'alac']],
    ['plain.flac', []],
    ['plain.wav', []],
    ['plain.aiff', []],
    ['vorbis.ogg', ['-c:a', 'libvorbis']],
    ['plain.opus', ['-b:a', '128k']],
    ['windows.wma', ['-b:a', '160k']],
    ['opus.webm', ['-c:a', 'libopus', '-b:a', '128k']],
  ])('%s', async (name, options) => {
    const file = await audioFile(name, sound, options);
    const source = await examined(file, 1);
    const count = timelineOf(source.track).segmentCount;
    const places = [19, 4, 12, 22, 7, 16, 2, 0];
    const encoded = await encodeStretches(
      source,
      places.map((from) => [from, Math.min(count, ...places.filter((place) => place > from))] as const),
    );
    expect(encoded.inits).toHaveLength(places.length);
    const parts = partsOf(encoded);
    await expectInTime(parts, source.track.samples);
    const [actual, reference] = await Promise.all([
      decodeSegments(joined(encoded)),
      referenceOf(file, source.track.sampleRate),
    ]);
    if (declareNothing.includes(name)) expect(source.track.samples).toBe(reference.length);
    const starts = parts.map(({ start }) => start);
    expectSoundAt(starts, { actual, reference, of: name });
  });
});

describe('a track of any length has all its samples in time', () => {
  const segment = 172 * 1024;
  const quarter = 11_025;
  const lengths = [1, 500, 1024, 3000].concat(
    [-1, 0, 1, quarter - 1, quarter, quarter + 1].map((more) => segment - 1024 + more),
    [-1, 0, 1, quarter - 1, quarter].map((more) => 2 * segment - 1024 + more),
  );
  it.each(lengths)('%i samples', async (samples) => {
    const source = await examined(await audioFile('n.wav', noise({ samples, seed: samples })), 4);
    expect(source.track).toMatchObject({ samples, segmentFrames: 172 });
    const { segmentCount } = timelineOf(source.track);
    const parts = partsOf(await encodeStretches(source, [[0, segmentCount]]));
    await expectInTime(parts, samples);
  });
});

describe('a run', () => {
  const samples = 20 * 44_100;
  const track = {
    ...{ samples, sampleRate: 44_100, channels: 1 as const, streamIndex: 0, hasSeekableCopy: false },
    segmentFrames: framesPerSegment(2, 44_100),
  };
  const count = timelineOf(track).segmentCount;

  it('ends by the signal, with its reason', async () => {
    const input = await audioFile('source.wav', noise({ samples, seed: 21 }));
    const stop = new AbortController();
    const reason = new Error('enough');
    const running = run({
      ...{ track, input, from: 0, until: () => count, signal: stop.signal, silentMs: 60_000 },
      executable: 'ffmpeg',
      rendition: { codec: 'aac', bitRate: 128_000 },
      onInit: async () => {},
      onSegment: async () => stop.abort(reason),
    });
    await expect(running).rejects.toBe(reason);
  });

  it('reports how ffmpeg ended, not the box that its death cut', async () => {
    const executable = path.join(await temporaryFolder(), 'ffmpeg');
    await writeFile(executable, `#!/bin/sh\nprintf '\\000\\000\\003\\350moof'\nexec sh -c 'kill -9 $$'\n`);
    await chmod(executable, 0o755);
    const running = run({
      track,
      rendition: { codec: 'aac', bitRate: 128_000 },
      executable,
      input: '/x.wav',
      from: 0,
      until: () => count,
      signal: new AbortController().signal,
      silentMs: 60_000,
      onInit: async () => {},
      onSegment: async () => {},
    });
    await expect(running).rejects.toMatchObject({
      name: 'FfmpegError',
      message: 'ffmpeg ended with SIGKILL',
    });
  });

  it('says what ffmpeg said when it fails', async () => {
    const input = path.join(await temporaryFolder(), 'nothing.wav');
    await expect(encodeStretches({ track, input }, [[0, count]])).rejects.toMatchObject({
      name: 'FfmpegError',
      stderr: expect.stringContaining('No such file'),
    });
  });
});
