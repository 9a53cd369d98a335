/** Describes an upload that was examined as a track. */
import type { TrackDraft } from '../library/library.ts';
import { type LadderEntry, ladderFor, renditionsOf } from '../presentation/ladder.ts';
import { framesPerSegment } from '../presentation/timeline.ts';
import type { Probed } from '../source/probe.ts';
import type { ReceivedUpload } from '../storage/storage.ts';
import { NO_FACTS, TO_ANALYSE } from '../tracks/facts.ts';
import { TRACK_VERSION } from '../tracks/track.ts';

export interface DescribeOptions {
  ladder: readonly LadderEntry[];
  segmentSeconds: number;
  ffmpegVersion: string;
  /** True if it is to be analysed. */
  analyses: boolean;
}

/** Returns the record of a new track, without its name. Pure. */
export function describeTrack(
  { received, originalName, probed }: { received: ReceivedUpload; originalName: string; probed: Probed },
  { ladder, segmentSeconds, ffmpegVersion, analyses }: DescribeOptions,
): TrackDraft {
  const { sampleRate, channels, samples, isEndKnown, streamIndex, declaredSeconds, copy } = probed;
  const { sha256, bytes, upload } = received;
  const seconds = samples / sampleRate;
  const segmentFrames = framesPerSegment(segmentSeconds, sampleRate);
  const shape = { uploadId: upload, sha256, sampleRate, channels, segmentFrames, ffmpegVersion };
  // A file that does not tell its bit rate has no more than all of its bytes make.
  const bitRate = probed.source.bitRate ?? (8 * bytes) / seconds;
  const entries = ladderFor(ladder, { codec: probed.source.codec, bitRate }, shape);
  return {
    version: TRACK_VERSION,
    originalName,
    status: 'processing',
    error: null,
    source: { ...probed.source, bytes, sha256 },
    streamIndex,
    upload,
    uploadId: upload,
    sampleRate,
    channels,
    samples,
    isEndKnown,
    segmentFrames,
    truncated: declaredSeconds !== null && declaredSeconds > seconds ? { declaredSeconds, seconds } : null,
    declaredSeconds,
    hasSeekableCopy: copy !== null,
    copy,
    renditions: renditionsOf(entries, shape),
    storedBytes: bytes,
    ...NO_FACTS,
    areTagsRead: true,
    tags: probed.tags,
    chapters: probed.chapters,
    analysis: analyses ? TO_ANALYSE : null,
  };
}
