/** Tracks encoded by runs of ffmpeg alone: no server, no sandbox, no planner. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { type EncodedTrack, run } from '../../src/encoding/encode-range.ts';
import { framesPerSegment, type Timeline, timelineOf } from '../../src/presentation/timeline.ts';
import { probe } from '../../src/source/probe.ts';
import { decodeToFlac } from '../../src/source/seekable-copy.ts';
import { temporaryFolder } from './folders.ts';
import type { Part } from './on-timeline.ts';

const MAX_DURATION_SECONDS = 86_400;
const MAX_COPY_BYTES = 2 ** 30;

/** What a run needs. */
export interface RunSource {
  /** The file, or the copy of it that can be sought in. */
  input: string;
  track: EncodedTrack;
}

/** Examines a file as an upload is examined. */
export async function examined(file: string, segmentSeconds: number): Promise<RunSource> {
  const copy = path.join(await temporaryFolder(), 'copy.flac');
  const probed = await probe({
    executables: { ffmpeg: 'ffmpeg', ffprobe: 'ffprobe' },
    ...{ input: file, bytes: (await stat(file)).size, segmentSeconds },
    ...{ maxDurationSeconds: MAX_DURATION_SECONDS, signal: new AbortController().signal },
    makeCopy: async (decoding, { hasTimeline }) => {
      const request = { ...decoding, hasTimeline, maxBytes: MAX_COPY_BYTES };
      return (await decodeToFlac(request, copy)).samples;
    },
  });
  const { samples, sampleRate, channels, streamIndex } = probed;
  const segmentFrames = framesPerSegment(segmentSeconds, sampleRate);
  const hasSeekableCopy = probed.copy !== null;
  return {
    input: hasSeekableCopy ? copy : file,
    track: { samples, sampleRate, channels, streamIndex, segmentFrames, hasSeekableCopy },
  };
}

export interface Encoded {
  timeline: Timeline;
  /** One of each run. */
  inits: Buffer[];
  /** By their number. */
  segments: Map<number, Buffer>;
}

/** Encodes the stretches one after the other, each in a run of its own: from the first segment to before the second. */
export async function encodeStretches(
  { input, track }: RunSource,
  stretches: readonly (readonly [from: number, until: number])[],
): Promise<Encoded> {
  const segments = new Map<number, Buffer>();
  const inits: Buffer[] = [];
  for (const [from, until] of stretches) {
    await run({
      ...{ track, input, from, until: () => until },
      rendition: { codec: 'aac', bitRate: 128_000 },
      executable: 'ffmpeg',
      signal: new AbortController().signal,
      silentMs: 60_000,
      onInit: async (bytes) => void inits.push(bytes),
      onSegment: async (index, bytes) => void segments.set(index, bytes),
    });
  }
  return { timeline: timelineOf(track), inits, segments };
}

/** The segments in their order, each with its place. @throws when one of them was not encoded. */
export function partsOf({ timeline, segments }: Encoded): Part[] {
  return Array.from({ length: timeline.segmentCount }, (_, index) => {
    const bytes = segments.get(index);
    if (!bytes) throw new Error(`segment ${index} was not encoded`);
    return { bytes, ...timeline.presentation(index) };
  });
}
