/** Measures a track by its original or, where that is gone, by its best rendition. */
import { Readable } from 'node:stream';
import { inOrder } from '../concurrency/in-order.ts';
import { FfmpegError } from '../ffmpeg/ffmpeg.ts';
import { gapFillingFilter, resampleFilter } from '../ffmpeg/filters.ts';
import { openingOptions } from '../ffmpeg/input.ts';
import { initSegmentName, mediaSegmentName } from '../presentation/segment-name.ts';
import { timelineOf } from '../presentation/timeline.ts';
import type { Storage } from '../storage/storage.ts';
import type { Rendition, Track } from '../tracks/track.ts';
import { type Measured, type MeasureRequest, measure } from './measure.ts';
import { createResting } from './resting.ts';
import type { FactsContext } from './step.ts';

export interface MeasuredTrack extends Measured {
  /** `original`, or the id of a rendition. */
  from: string;
}

/** Segments that are fetched ahead of the decoder. */
const READ_AHEAD = 4;

/**
 * Decodes a track once, at the lowest priority, resting while clients need the processors.
 *
 * @throws {FfmpegError} when it does not decode; {Error} when a segment is missing; the signal's reason.
 */
export async function measureTrack(track: Track, context: FactsContext): Promise<MeasuredTrack> {
  const { storage, log } = context;
  const { filename, upload } = track;
  if (upload !== null && (await storage.hasUpload(upload))) {
    try {
      const measured = await measureOriginal(track, upload, context);
      if (measured.loudness) return { ...measured, from: 'original' };
      log.info({ filename }, 'its original changes its format midway: analysing a rendition');
    } catch (error) {
      if (!(error instanceof FfmpegError)) throw error;
      log.warn({ filename, err: error }, 'analysing its original failed: analysing a rendition');
    }
  }
  return measureRendition(track, context);
}

function measureOriginal(track: Track, upload: string, context: FactsContext): Promise<Measured> {
  const { sampleRate, streamIndex, copy } = track;
  const hasTimeline = copy === null || copy.hasTimeline;
  return context.storage.usingUpload(
    upload,
    (input) =>
      decode(track, context, {
        input,
        inputOptions: openingOptions(copy?.opening ?? null),
        streamIndex,
        timeline: hasTimeline ? gapFillingFilter(sampleRate) : resampleFilter(sampleRate),
      }),
    { signal: context.signal },
  );
}

async function measureRendition(track: Track, context: FactsContext): Promise<MeasuredTrack> {
  const best = track.renditions.reduce((one, other) => (other.bitRate > one.bitRate ? other : one));
  const broken = new AbortController();
  const input = Readable.from(segmentsOf(track, best, context.storage), { objectMode: false });
  // The decoder would take it for an end.
  input.on('error', (error) => broken.abort(error));
  try {
    const signal = AbortSignal.any([context.signal, broken.signal]);
    const measured = await decode(
      track,
      { ...context, signal },
      {
        input,
        inputOptions: ['-f', 'mov'],
        streamIndex: 0,
        timeline: gapFillingFilter(track.sampleRate),
      },
    );
    return { ...measured, from: best.id };
  } finally {
    input.destroy();
  }
}

async function decode(
  track: Track,
  { tools, isBusy, signal, liveWaveforms }: FactsContext,
  source: Pick<MeasureRequest, 'input' | 'inputOptions' | 'streamIndex' | 'timeline'>,
): Promise<Measured> {
  const { sampleRate, samples } = track;
  const resting = createResting(isBusy, signal);
  const live = liveWaveforms.begin(track);
  try {
    return await measure({
      ...source,
      format: { sampleRate, samples, channels: track.channels === 1 ? 1 : 2 },
      executable: tools.background[0],
      signal: resting.signal,
      onDecoding: resting.decoding,
      onProgress: resting.progressed,
      onCoarse: live.add,
    });
  } finally {
    live.end();
    resting.end();
  }
}

/** Yields a rendition as one file. @throws {Error} when a segment of it is missing. */
async function* segmentsOf(track: Track, rendition: Rendition, storage: Storage): AsyncGenerator<Buffer> {
  const { segmentCount } = timelineOf(track);
  const names = [
    initSegmentName(rendition),
    ...Array.from({ length: segmentCount }, (_, index) => mediaSegmentName(rendition, index)),
  ];
  const read = async (name: string) => ({ name, bytes: await storage.readSegment(track.home, name) });
  for await (const { name, bytes } of inOrder(names, READ_AHEAD, read)) {
    if (!bytes) throw new Error(`the segment ${name} is missing`);
    yield bytes;
  }
}
