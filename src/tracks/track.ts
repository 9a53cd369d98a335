/** The vocabulary: what a track is, on disk (`track.json`) and in answers. */
import * as z from 'zod';
import { TrackStatus } from './status.ts';

/** The version that this server writes. Older ones are read for ever: see `test/fixtures/track-json`. */
export const TRACK_VERSION = 1;

/** What the uploaded file says of itself. */
export const Source = z.object({
  /** Container as ffmpeg's demuxer is called, such as `mp3`, `wav`, `mp4`. */
  container: z.string(),
  codec: z.string(),
  /** Bits per second of the audio stream; null when the file does not tell. */
  bitRate: z.int().nonnegative().nullable(),
  /** Hz */
  sampleRate: z.int().positive(),
  channels: z.int().positive(),
  bytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Source = z.infer<typeof Source>;

/** One rung of the ladder as encoded for one track. */
export const Rendition = z.object({
  /** Such as `aac-128k`. */
  id: z.string().regex(/^[a-z0-9-]+$/),
  codec: z.literal('aac'),
  /** RFC 6381 codecs parameter. */
  codecs: z.string(),
  /** Bits per second asked of the encoder. */
  bitRate: z.int().positive(),
  /** Bits per second that the segments need at the most (23009-1 `@bandwidth`): measured once the track is ready. */
  bandwidth: z.int().positive(),
  /** Bits per second over all segments (RFC 8216 `AVERAGE-BANDWIDTH`); null until it is measured. */
  averageBandwidth: z.int().positive().nullable().default(null),
  /** Short hash of the upload, its content and what shaped the encode; part of every segment's name. */
  key: z.string().regex(/^[0-9a-f]{8}$/),
});
export type Rendition = z.infer<typeof Rendition>;

/** How a file is opened that ffmpeg does not recognise. */
export const Opening = z.object({
  /** As ffmpeg calls it. */
  demuxer: z.enum(['aac', 'flac', 'mp3']),
  /** Where the first audio frame is, in bytes from the beginning of the file. */
  startByte: z.int().nonnegative(),
});
export type Opening = z.infer<typeof Opening>;

/** How the copy is made that a source is encoded from where the original does not do. */
export const SourceCopy = z.object({
  /** Null where ffmpeg recognises the original. */
  opening: Opening.nullable(),
  /** Whether its time stamps are kept to: what is lost becomes silence then. */
  hasTimeline: z.boolean(),
});
export type SourceCopy = z.infer<typeof SourceCopy>;

export const TrackError = z.object({ code: z.string(), message: z.string() });
export type TrackError = z.infer<typeof TrackError>;

/** A track as stored in `manifests/<filename>/track.json`. */
export const Track = z.object({
  version: z.literal(TRACK_VERSION),
  filename: z.string().min(1),
  originalName: z.string(),
  status: TrackStatus,
  error: TrackError.nullable(),
  /** ISO 8601 with milliseconds, UTC. */
  uploadedAt: z.iso.datetime(),
  source: Source,
  /** The audio stream of the source that is encoded, by its index in the container. */
  streamIndex: z.int().nonnegative(),
  /** Name of the original in `uploads/`; null once it was removed. */
  upload: z.string().nullable(),
  /**
   * What tells this upload from every other one, also of the same bytes under the same name; null in records from before
   * there was one.
   */
  uploadId: z.string().nullable().default(null),
  /** Hz, of every rendition. */
  sampleRate: z.int().positive(),
  channels: z.int().min(1).max(2),
  /** N: length in samples at `sampleRate`. */
  samples: z.int().positive(),
  /** Whether the end of the source was decoded, and N is where it ends. */
  isEndKnown: z.boolean().default(false),
  /** F: AAC frames in a segment. */
  segmentFrames: z.int().positive(),
  renditions: z.array(Rendition).min(1),
  /** Where the source ended before the length that it declares: both, in seconds. */
  truncated: z.object({ declaredSeconds: z.number(), seconds: z.number() }).nullable().default(null),
  /** Seconds that the source declares as its length, where its audio is shorter or longer; else null. */
  declaredSeconds: z.number().nullable().default(null),
  /** Whether a copy is beside the original that can be sought in to the sample, for one that cannot. */
  hasSeekableCopy: z.boolean().default(false),
  /** How that copy is made, also once it is gone; null where the original does, and in records from before. */
  copy: SourceCopy.nullable().default(null),
  /** Bytes on disk: segments, and the original where it is kept. Exact when ready. */
  storedBytes: z.int().nonnegative(),
});
export type Track = z.infer<typeof Track>;

/**
 * Reads a record of any version ever released.
 *
 * @throws {z.ZodError} when it is none.
 */
export function parseTrack(json: unknown): Track {
  return Track.parse(json);
}

/** Seconds of presentation time. */
export function durationSeconds(track: Pick<Track, 'samples' | 'sampleRate'>): number {
  return track.samples / track.sampleRate;
}
