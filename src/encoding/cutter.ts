/**
 * Cuts the byte stream of one run of ffmpeg into an init segment and media segments. Each fragment is checked against the
 * timeline: one that lies elsewhere fails the run, and is never published.
 */
import { PADDING_SAMPLES, PRIMING_SAMPLES, type Timeline } from '../presentation/timeline.ts';
import { type Box, type Fragment, placeFragment, readBoxes, readFragment } from './boxes.ts';

export type Cut = { kind: 'init'; bytes: Buffer } | { kind: 'media'; index: number; bytes: Buffer };

/** The encoder has left the timeline. Sources whose sample rate changes do that, and other versions of ffmpeg. */
export class OffTimelineError extends Error {
  override readonly name = 'OffTimelineError';
}

/** The source ended before N. */
export class EarlyEndError extends Error {
  override readonly name = 'EarlyEndError';
  /** Samples of presentation time that came out, the filter's padding of silence included. */
  readonly samples: number;
  /** The run made something of the source. A run that made nothing began beyond the end, and does not know where that is. */
  readonly isKnown: boolean;

  constructor(span: { mediaStart: number; mediaEnd: number }) {
    const samples = Math.max(0, span.mediaEnd - PRIMING_SAMPLES);
    super(`the source ended after ${samples} samples`);
    this.samples = samples;
    this.isKnown = samples - PADDING_SAMPLES > span.mediaStart;
  }
}

/**
 * Yields the segments of a run in their order.
 *
 * @param stream output of ffmpeg: ftyp, moov, then moof and mdat in turns (14496-12 clause 8.8).
 * @param options.from the first segment to yield. From 1 on, the run itself starts one segment earlier: its first
 *   fragment only warms the encoder up and is dropped.
 * @throws {OffTimelineError} when a fragment has another place or length than the timeline says.
 * @throws {EarlyEndError} when the stream ends before N; whole segments before that were handed out.
 * @throws {TruncatedStreamError} when the stream ends inside a box.
 */
export async function* cutSegments(
  stream: AsyncIterable<Buffer>,
  options: { timeline: Timeline; from: number },
): AsyncGenerator<Cut> {
  const { timeline, from } = options;
  const firstFragment = Math.max(0, from - 1);
  const start = firstFragment * timeline.segmentSamples;
  const lastSegment = timeline.segmentCount - 1;

  let fragmentNumber = firstFragment;
  let mediaEnd = start;
  let endedEarly = false;
  const initParts: Buffer[] = [];
  let moof: Box | undefined;
  let pending: Buffer[] = [];

  for await (const box of readBoxes(stream)) {
    if (box.type === 'ftyp') initParts.push(box.bytes);
    if (box.type === 'moov') yield { kind: 'init', bytes: Buffer.concat([...initParts, box.bytes]) };
    if (box.type === 'moof') moof = box;
    if (box.type !== 'mdat') continue;
    if (!moof) throw new OffTimelineError('media data without a movie fragment before it');

    if (endedEarly) throw new OffTimelineError(`fragment ${fragmentNumber} is short, and is not the last`);
    if (fragmentNumber >= timeline.fragmentCount) throw new OffTimelineError('a fragment beyond the end');

    const fragment = readFragment(moof.bytes);
    endedEarly = checkFragment(fragment, { timeline, fragmentNumber, start });
    mediaEnd = start + fragment.decodeTime + fragment.duration;
    // Read on to the end: a stream with more fragments after a short one has left the timeline.
    if (endedEarly) continue;
    placeFragment(moof.bytes, {
      decodeTime: start + fragment.decodeTime,
      sequenceNumber: fragmentNumber + 1,
    });
    pending.push(moof.bytes, box.bytes);
    moof = undefined;

    // A joined tail is a second fragment in the last segment.
    const index = Math.min(fragmentNumber, lastSegment);
    const isWhole = index < lastSegment || fragmentNumber === timeline.fragmentCount - 1;
    if (isWhole) {
      if (index >= from) yield { kind: 'media', index, bytes: Buffer.concat(pending) };
      pending = [];
    }
    fragmentNumber++;
  }
  if (mediaEnd < timeline.mediaSamples) {
    throw new EarlyEndError({ mediaStart: start, mediaEnd });
  }
}

/** Returns whether a fragment is shorter than the timeline says, as the last one of a source that ends early is. */
function checkFragment(
  fragment: Fragment,
  at: { timeline: Timeline; fragmentNumber: number; start: number },
): boolean {
  const { timeline, fragmentNumber, start } = at;
  const decodeTime = fragmentNumber * timeline.segmentSamples;
  if (start + fragment.decodeTime !== decodeTime) {
    throw new OffTimelineError(
      `fragment ${fragmentNumber} starts at sample ${start + fragment.decodeTime} of media time instead of ${decodeTime}`,
    );
  }
  const isLast = fragmentNumber === timeline.fragmentCount - 1;
  const frames = isLast
    ? timeline.frameCount - fragmentNumber * timeline.segmentFrames
    : timeline.segmentFrames;
  const duration = isLast ? timeline.mediaSamples - decodeTime : timeline.segmentSamples;
  if (fragment.frames > frames || fragment.duration > duration) {
    throw new OffTimelineError(
      `fragment ${fragmentNumber} has ${fragment.frames} frames of ${fragment.duration} samples instead of ${frames} of ${duration}`,
    );
  }
  const isShort = fragment.duration < duration;
  if (!isShort && fragment.frames !== frames) {
    throw new OffTimelineError(
      `fragment ${fragmentNumber} has ${fragment.frames} frames instead of ${frames}`,
    );
  }
  return isShort;
}
