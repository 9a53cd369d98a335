/** Checks that a track becomes ready and that every rendition decodes to exactly N samples. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { FRAME_SAMPLES, timelineOf } from '../src/presentation/timeline.ts';
import { assertOnTimeline, type ListedTrack } from './on-timeline.ts';

const run = promisify(execFile);

const READY_LIMIT_MS = 120_000;
const MAX_DECODED_BYTES = 1024 ** 3;

/** Resolves with the view of a track; with a `status` of its own where there is none. */
export async function trackAt(url: string, filename: string): Promise<ListedTrack> {
  const response = await fetch(`${url}/files/${encodeURIComponent(filename)}`);
  return (await response.json()) as ListedTrack;
}

/**
 * Waits until a track is ready.
 *
 * @throws {Error} with its status, when it has failed, is gone or takes more than `limitMs`.
 */
export async function untilReady(
  url: string,
  filename: string,
  limitMs = READY_LIMIT_MS,
): Promise<ListedTrack> {
  const end = Date.now() + limitMs;
  for (;;) {
    const track = await trackAt(url, filename);
    if (track.status === 'ready') return track;
    if (track.status !== 'processing' || Date.now() > end) {
      throw new Error(`${filename} is not ready: ${JSON.stringify(track).slice(0, 300)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Checks every segment against the timeline and decodes every rendition.
 *
 * @param folder for temporary files.
 * @returns how many renditions it has.
 * @throws {Error} that names the segment which is missing or elsewhere, or the number of samples.
 */
export async function assertExact(url: string, track: ListedTrack, folder: string): Promise<number> {
  const renditions = await assertOnTimeline(url, track);
  for (const whole of renditions) {
    const samples = await decodedSamples(whole, folder);
    if (samples === decodedLength(track)) continue;
    throw new Error(`${track.filename} decodes to ${samples} samples, not ${decodedLength(track)}`);
  }
  return renditions.length;
}

/**
 * All frames of N samples and the priming before them. What the container hides of the first and the last one is in the
 * edit list and in the lengths that `assertOnTimeline` has added up to N.
 */
function decodedLength({ samples }: ListedTrack): number {
  return timelineOf({ samples, sampleRate: 1, segmentFrames: 1 }).frameCount * FRAME_SAMPLES;
}

async function decodedSamples(bytes: Buffer, folder: string): Promise<number> {
  const file = path.join(folder, `whole-${randomUUID()}.mp4`);
  await writeFile(file, bytes);
  const decode = ['-v', 'error', '-i', file, '-f', 's16le', '-ac', '1', 'pipe:1'];
  const { stdout } = await run('ffmpeg', decode, { encoding: 'buffer', maxBuffer: MAX_DECODED_BYTES });
  await rm(file);
  return stdout.length / 2;
}
