/** Checks that a track lies on its timeline: the times of its segments, and its sound. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { readBoxes, readFragment } from '../../src/encoding/boxes.ts';
import { decode } from './audio.ts';
import { download, downloadTrack, type Manifest, type Representation } from './client.ts';
import { temporaryFolder } from './folders.ts';
import { lagAt } from './lag.ts';

async function* once(bytes: Buffer) {
  yield bytes;
}

/** Compares `tfdt` and length of each segment with the manifest, in all renditions. */
export async function expectOnTimeline(manifest: Manifest, samples: number): Promise<void> {
  expect(manifest.durationSeconds).toBeCloseTo(samples / manifest.timescale, 8);
  for (const { segments } of manifest.representations) {
    const parts: Part[] = [];
    for (const segment of segments) parts.push({ ...segment, bytes: await download(segment.url) });
    await expectInTime(parts, samples);
  }
}

/** A segment, and where it is presented, in samples. */
export interface Part {
  bytes: Buffer;
  start: number;
  duration: number;
}

/**
 * Compares `tfdt` and length of each segment with where it is presented; media time is 1,024 samples ahead of presentation
 * time.
 */
export async function expectInTime(parts: readonly Part[], samples: number): Promise<void> {
  let mediaEnd = 0;
  for (const segment of parts) {
    let start: number | undefined;
    for await (const { type, bytes } of readBoxes(once(segment.bytes))) {
      if (type !== 'moof') continue;
      const fragment = readFragment(bytes);
      start ??= fragment.decodeTime;
      expect(fragment.decodeTime).toBe(mediaEnd);
      mediaEnd += fragment.duration;
    }
    expect(start).toBe(segment.start === 0 ? 0 : segment.start + 1024);
    expect(mediaEnd).toBe(segment.start + segment.duration + 1024);
  }
  expect(mediaEnd).toBe(samples + 1024);
}

/** Decodes a rendition as served: init segment and media segments, mixed to mono, without the priming samples. */
export async function decodeTrack(manifest: Representation): Promise<Int16Array> {
  return decodeSegments(await downloadTrack(manifest));
}

/** @param bytes of the init segment and all media segments, one after the other. */
export async function decodeSegments(bytes: Buffer): Promise<Int16Array> {
  const file = path.join(await temporaryFolder(), 'track.mp4');
  await writeFile(file, bytes);
  // ffmpeg gives the priming samples out as well, for it takes the edit list of a fragmented file as a mere offset.
  return (await decode(file, ['-ac', '1'])).subarray(1024);
}

/** Decodes a file on the timeline of its container: silence of equal length stands for lost audio. */
export function referenceOf(file: string, sampleRate: number): Promise<Int16Array> {
  return decode(file, ['-af', `aresample=${sampleRate}:async=1:min_hard_comp=0.005:first_pts=0`, '-ac', '1']);
}

/** Checks at the start of each segment that the sound is that of `reference` at the same sample. */
export async function expectInPlace(manifest: Manifest, reference: Int16Array): Promise<void> {
  for (const representation of manifest.representations) {
    const actual = await decodeTrack(representation);
    const starts = representation.segments.map(({ start }) => start);
    expectSoundAt(starts, { actual, reference, of: representation.id });
  }
}

/** Compares the sound at each of these samples with what the source has there. */
export function expectSoundAt(
  starts: readonly number[],
  { actual, reference, of }: { actual: Int16Array; reference: Int16Array; of: string },
): void {
  for (const start of starts) {
    // Not at the very start: WMA begins with some 2,048 samples of silence, in which nothing can be told apart.
    const at = Math.max(0, Math.min(Math.max(start, 3000), reference.length - 1600));
    expect(lagAt(actual, reference, at), `${of} at sample ${at}`).toBe(0);
  }
}
