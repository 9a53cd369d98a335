/** A source that is encoded as it arrives comes out byte for byte as from the whole file, up to the last segment. */
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { encodeArriving } from '../../src/early/early-run.ts';
import { run } from '../../src/encoding/encode-range.ts';
import { PADDING_SAMPLES, timelineOf } from '../../src/presentation/timeline.ts';
import { openDiskStorage } from '../../src/storage/disk.ts';
import { audioFile, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { encodeStretches, examined } from '../support/one-run.ts';

const SECONDS = 12;
const CHUNK_BYTES = 16 * 1024;

describe('a source that arrives', () => {
  const sound = noise({ samples: SECONDS * 44_100 - 333, channels: 2, seed: 44 });
  it.each<[string, string[]]>([
    ['lame.mp3', ['-b:a', '320k']],
    ['plain.flac', []],
    ['plain.wav', []],
    ['raw.aac', ['-b:a', '256k']],
    ['aac.m4a', ['-b:a', '256k', '-movflags', '+faststart']],
    ['vorbis.ogg', ['-c:a', 'libvorbis', '-b:a', '256k']],
    ['plain.opus', ['-b:a', '256k']],
  ])('%s', async (name, options) => {
    const file = await audioFile(name, sound, options);
    const source = await examined(file, 1);
    const { segmentCount } = timelineOf(source.track);
    const whole = await encodeStretches(source, [[0, segmentCount]]);

    const arriving = await (await openDiskStorage(await temporaryFolder())).beginUpload();
    const segments = new Map<number | 'init', Buffer>();
    const encoding = encodeArriving({
      arriving,
      track: source.track,
      maxDurationSeconds: 3600,
      rendition: { codec: 'aac', bitRate: 128_000 },
      executable: 'ffmpeg',
      run,
      isBusy: () => false,
      signal: new AbortController().signal,
      onInit: async (bytes) => void segments.set('init', bytes),
      onSegment: async (index, bytes) => void segments.set(index, bytes),
    });
    const bytes = await readFile(file);
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      await arriving.write(bytes.subarray(at, at + CHUNK_BYTES));
    }
    await arriving.finish();
    const samples = await encoding;

    expect(Math.abs(samples - source.track.samples)).toBeLessThanOrEqual(PADDING_SAMPLES);
    expect(segments.get('init')).toEqual(whole.inits[0]);
    expect(segments.size).toBeGreaterThanOrEqual(segmentCount);
    for (let index = 0; index < segmentCount - 1; index++) {
      expect(segments.get(index)?.equals(whole.segments.get(index) as Buffer), `segment ${index}`).toBe(true);
    }
  });
});

it('a source that cannot be decoded as it arrives says so, and its run ends', async () => {
  const arriving = await (await openDiskStorage(await temporaryFolder())).beginUpload();
  const encoding = encodeArriving({
    arriving,
    track: { sampleRate: 44_100, channels: 2, streamIndex: 0, segmentFrames: 43, hasSeekableCopy: false },
    maxDurationSeconds: 3600,
    rendition: { codec: 'aac', bitRate: 128_000 },
    executable: 'ffmpeg',
    run,
    isBusy: () => false,
    signal: new AbortController().signal,
    onInit: async () => {},
    onSegment: async () => {},
  });
  const failed = expect(encoding).rejects.toMatchObject({ name: 'FfmpegError' });
  await arriving.write(Buffer.alloc(100_000, 'no audio'));
  await arriving.finish();
  await failed;
});
