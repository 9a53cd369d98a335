/** Runs that start anywhere fit together: the same timeline, and the same sound at the joints as elsewhere. */
import { chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readBoxes, readFragment } from '../../src/encoding/boxes.ts';
import { run } from '../../src/encoding/encode-range.ts';
import { framesPerSegment, timelineOf } from '../../src/presentation/timeline.ts';
import type { Track } from '../../src/tracks/track.ts';
import { audioFile, decode, lagAt, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { sampleTrack } from '../support/sample-track.ts';

const samples = 20 * 44_100;
const sound = noise({ samples, seed: 21 });
const track: Track = sampleTrack({
  samples,
  sampleRate: 44_100,
  channels: 1,
  segmentFrames: framesPerSegment(2, 44_100),
});

/** The stretches one after the other, as one file. */
async function encodeStretches(input: string, stretches: [number, number][]) {
  const segments = new Map<number, Buffer>();
  const inits: Buffer[] = [];
  for (const [from, until] of stretches) {
    await run({
      track,
      input,
      from,
      until: () => until,
      rendition: track.renditions[0] as Track['renditions'][number],
      executable: 'ffmpeg',
      signal: new AbortController().signal,
      silentMs: 60_000,
      onInit: async (bytes) => void inits.push(bytes),
      onSegment: async (index, bytes) => void segments.set(index, bytes),
    });
  }
  return { inits, segments };
}

describe('one track, encoded in several runs', () => {
  const count = timelineOf(track).segmentCount;
  it.each(['source.wav', 'source.flac', 'source.mp3'])('%s', async (name) => {
    const input = await audioFile(name, sound, name.endsWith('wav') ? [] : ['-b:a', '320k']);
    const { inits, segments } = await encodeStretches(input, [
      [6, count],
      [0, 1],
      [3, 6],
      [1, 3],
    ]);
    for (const init of inits) expect(init).toEqual(inits[0]);
    const parts = [inits[0] as Buffer];
    let mediaEnd = 0;
    for (let index = 0; index < count; index++) {
      const segment = segments.get(index) as Buffer;
      parts.push(segment);
      for await (const { type, bytes } of readBoxes(
        (async function* () {
          yield segment;
        })(),
      )) {
        if (type !== 'moof') continue;
        const { decodeTime, duration } = readFragment(bytes);
        expect(decodeTime).toBe(mediaEnd);
        mediaEnd += duration;
      }
    }
    expect(segments.size).toBe(count);
    expect(mediaEnd).toBe(samples + 1024);

    const file = path.join(await temporaryFolder(), 'joined.mp4');
    await writeFile(file, Buffer.concat(parts));
    const decoded = (await decode(file)).subarray(1024);
    for (let index = 0; index < count; index++) {
      const { start } = timelineOf(track).presentation(index);
      expect(lagAt(decoded, sound.pcm, Math.min(start, samples - 1600)), `segment ${index}`).toBe(0);
    }
  });

  it('ends by the signal, with its reason', async () => {
    const input = await audioFile('source.wav', sound);
    const stop = new AbortController();
    const reason = new Error('enough');
    const running = run({
      track,
      input,
      from: 0,
      until: () => count,
      signal: stop.signal,
      executable: 'ffmpeg',
      silentMs: 60_000,
      rendition: track.renditions[0] as Track['renditions'][number],
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
      rendition: track.renditions[0] as Track['renditions'][number],
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
    const running = encodeStretches(path.join(await temporaryFolder(), 'nothing.wav'), [[0, count]]);
    await expect(running).rejects.toMatchObject({
      name: 'FfmpegError',
      stderr: expect.stringContaining('No such file'),
    });
  });
});
