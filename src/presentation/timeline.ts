/**
 * Computes how a track is cut into segments, in closed form. Pure.
 *
 * There are two clocks. *Presentation time* is the time that a listener hears: sample 0 is the first of the source, N is
 * the end. *Media time* is the time that `tfdt` counts: the encoder puts 1,024 priming samples before the source, and the
 * edit list of the init segment (14496-12 clause 8.6.6) hides them. Media time = presentation time + 1,024.
 */

/** Samples in an AAC frame (14496-3). */
export const FRAME_SAMPLES = 1024;
/** Samples that ffmpeg's AAC encoder puts before the first sample of the source. */
export const PRIMING_SAMPLES = 1024;
/** A shorter tail is joined to the segment before it: with a last segment of one frame, hls.js never ends. */
const MIN_TAIL_SECONDS = 0.25;
/** Samples of silence after the source, so that an encode reaches N although the source is a little shorter than N. */
export const PADDING_SAMPLES = 4096;

/** Returns the target duration in seconds (RFC 8216 section 4.3.3.1): the longest segment, rounded to whole seconds. */
export function targetSeconds(timeline: Timeline): number {
  const lengths = [0, timeline.segmentCount - 1].map((index) => timeline.media(index).duration);
  return Math.max(1, ...lengths.map((samples) => Math.round(samples / timeline.sampleRate)));
}

/** Returns F, the whole number of AAC frames nearest to the wanted segment length, half up. */
export function framesPerSegment(segmentSeconds: number, sampleRate: number): number {
  return Math.max(1, Math.floor((segmentSeconds * sampleRate) / FRAME_SAMPLES + 0.5));
}

/** A span on one of the two clocks, in samples. */
export interface Span {
  start: number;
  duration: number;
}

/** The cut of a track. All lengths are in samples. */
export interface Timeline {
  sampleRate: number;
  /** N: samples of presentation time. */
  samples: number;
  /** F: AAC frames in a full segment. */
  segmentFrames: number;
  /** D: samples in a full segment. */
  segmentSamples: number;
  segmentCount: number;
  /** N plus the priming samples. */
  mediaSamples: number;
  /** AAC frames in all. */
  frameCount: number;
  /** Fragments of one run over the whole track: one more than segments if a short tail is joined. */
  fragmentCount: number;
  /**
   * Returns the presentation time of segment `index` (from 0). The first segment is 1,024 samples short.
   *
   * @throws {RangeError} when there is no such segment.
   */
  presentation(index: number): Span;
  /** Returns the media time of segment `index` (from 0). @throws {RangeError} when there is no such segment. */
  media(index: number): Span;
}

/**
 * Returns the timeline of a track.
 *
 * @param track N, the sample rate in Hz, and F.
 * @throws {RangeError} when there is not one sample.
 */
export function timelineOf(track: { samples: number; sampleRate: number; segmentFrames: number }): Timeline {
  const { samples, sampleRate, segmentFrames } = track;
  if (!(samples >= 1)) throw new RangeError('a timeline needs at least one sample');
  const segmentSamples = segmentFrames * FRAME_SAMPLES;
  const mediaSamples = samples + PRIMING_SAMPLES;
  const fragmentCount = Math.ceil(mediaSamples / segmentSamples);
  const tailSamples = mediaSamples - (fragmentCount - 1) * segmentSamples;
  const joined = fragmentCount > 1 && tailSamples < MIN_TAIL_SECONDS * sampleRate;
  const segmentCount = fragmentCount - (joined ? 1 : 0);

  const media = (index: number): Span => {
    if (!Number.isInteger(index) || index < 0 || index >= segmentCount) {
      throw new RangeError(`segment ${index} of ${segmentCount}`);
    }
    const start = index * segmentSamples;
    const end = index === segmentCount - 1 ? mediaSamples : start + segmentSamples;
    return { start, duration: end - start };
  };

  return {
    sampleRate,
    samples,
    segmentFrames,
    segmentSamples,
    segmentCount,
    mediaSamples,
    frameCount: Math.ceil(mediaSamples / FRAME_SAMPLES),
    fragmentCount,
    media,
    presentation(index) {
      const { start, duration } = media(index);
      if (index === 0) return { start: 0, duration: duration - PRIMING_SAMPLES };
      return { start: start - PRIMING_SAMPLES, duration };
    },
  };
}
