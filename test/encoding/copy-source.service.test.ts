/** The copy of a source is made within the room that was promised to it, and ends with it. */
import { chmod, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { copyBounds, createCopySource } from '../../src/encoding/copy-source.ts';
import { createGovernor } from '../../src/governor/governor.ts';
import type { Decoding } from '../../src/source/decoding.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { audioFile, noise } from '../support/audio.ts';
import { temporaryFolder } from '../support/folders.ts';
import { indexedMov } from '../support/index-bombs.ts';

const MIB = 1024 ** 2;
const MIN_FREE_BYTES = 100 * MIB;

/** A disk with so many bytes free beyond those that are kept free. */
async function rig(roomBytes: number) {
  const free = { bytes: MIN_FREE_BYTES + roomBytes, files: 1_000_000 };
  const governor = createGovernor({
    earlyUploads: 1,
    maxUploads: 1,
    concurrency: 1,
    disk: { room: async () => free, minFreeBytes: MIN_FREE_BYTES },
  });
  const folder = await temporaryFolder();
  const storage = {
    makeSeekableCopy: (upload, write) => write(path.join(folder, upload)),
  } satisfies Partial<Storage> as Pick<Storage, 'makeSeekableCopy'> as Storage;
  return { free, governor, folder, copySource: createCopySource({ storage, governor }) };
}

const decoding = (input: string, changes: Partial<Decoding> = {}): Decoding => ({
  executable: 'ffmpeg',
  input,
  opening: null,
  signal: new AbortController().signal,
  channels: 1,
  streamIndex: 0,
  sampleRate: 44_100,
  maxDurationSeconds: 86_400,
  ...changes,
});
const OPTIONS = { hasTimeline: true, declaredSeconds: null };

describe('a copy', () => {
  it('has the samples of its source, and gives back the room that it did not need', async () => {
    const { copySource, governor } = await rig(100 * MIB);
    const input = await audioFile('a.wav', noise({ samples: 50_000 }));
    const copied = copySource({ upload: 'a', bytes: 100_044 }, decoding(input), OPTIONS);
    expect(await copied).toBe(50_000);
    expect(governor.usage().diskBytes).toBe(0);
  });

  it('is not begun where another one was promised the room', async () => {
    const { copySource, governor } = await rig(MIB);
    const input = await audioFile('a.wav', noise({ samples: 50_000 }));
    const copies = ['a', 'b'].map((upload) =>
      copySource({ upload, bytes: 100_044 }, decoding(input), OPTIONS),
    );
    const outcomes = await Promise.allSettled(copies);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(outcomes[1]).toMatchObject({ reason: { code: 'storage_full' } });
    expect(governor.usage().diskBytes).toBe(0);
  });

  it('is stopped when others take the room while it is written', async () => {
    const { copySource, governor, free, folder } = await rig(100 * MIB);
    const executable = path.join(folder, 'ffmpeg');
    await writeFile(executable, '#!/bin/sh\nexec sleep 60\n');
    await chmod(executable, 0o755);
    const copied = copySource({ upload: 'a', bytes: 1000 }, decoding('/x.wma', { executable }), OPTIONS);
    free.bytes = MIN_FREE_BYTES - 1;
    await expect(copied).rejects.toMatchObject({ code: 'storage_full' });
    expect(governor.usage().diskBytes).toBe(0);
  });

  it('of an index that names the same bytes again and again is refused at a multiple of its source', async () => {
    const { copySource, governor, folder } = await rig(1000 * MIB);
    const chunk = Buffer.from(noise({ samples: 36_000 }).pcm.buffer);
    const bytes = indexedMov({
      chunk,
      chunks: 20_000,
      samplesPerChunk: 4,
      sampleBytes: 18_000,
      sampleDuration: 9000,
      codec: 'sowt',
      sampleRate: 44_100,
      channels: 1,
    });
    const input = path.join(folder, 'loop.mov');
    await writeFile(input, bytes);
    const copied = copySource({ upload: 'a', bytes: bytes.length }, decoding(input), OPTIONS);
    await expect(copied).rejects.toMatchObject({ code: 'unsupported_media' });
    expect((await stat(path.join(folder, 'a'))).size).toBeLessThan(65 * MIB);
    expect(governor.usage().diskBytes).toBe(0);
  });
});

describe('the room of a copy', () => {
  const stereo = { sampleRate: 48_000, channels: 2, maxDurationSeconds: 86_400 };
  it('is at first what its source declares, and a quarter and a minute more', () => {
    const [first] = copyBounds(50 * MIB, stereo, 3600);
    expect(first).toBe((3600 * 1.25 + 60) * 48_000 * 2 * 3);
  });

  it('is a multiple of its source at the most, but never less than 64 MiB', () => {
    expect(copyBounds(MIB, stereo, null)).toEqual([300 * MIB]);
    expect(copyBounds(1000, stereo, null)).toEqual([64 * MIB]);
    expect(copyBounds(1000, stereo, 3600)).toEqual([64 * MIB]);
    expect(copyBounds(50 * MIB, stereo, 60).at(-1)).toBe(15_000 * MIB);
  });

  it('is never more than the longest audio takes', () => {
    expect(copyBounds(2000 * MIB, { ...stereo, maxDurationSeconds: 40 }, null)).toEqual([
      (40 + 60) * 1.25 * 48_000 * 2 * 3,
    ]);
  });
});
