/** Defines the record of a track, as stored in `track.json`. Responses are made from it. */
import * as z from 'zod';
import { Facts } from './facts.ts';
import { TrackStatus } from './status.ts';

/** The version that this server writes. It reads every older one too: see `test/fixtures/track-json`. */
export const TRACK_VERSION = 1;

/** The uploaded file, as it describes itself. */
export const Source = z.object({
  /** Container by the name of ffmpeg's demuxer, such as `mp3`, `wav`, `mp4`. */
  container: z.string(),
  codec: z.string(),
  /** Bits per second of the audio stream; null if the file does not declare it. */
  bitRate: z.int().nonnegative().nullable(),
  /** Hz */
  sampleRate: z.int().positive(),
  channels: z.int().positive(),
  bytes: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Source = z.infer<typeof Source>;

/** One entry of the ladder, as encoded for one track. */
export const Rendition = z.object({
  /** Name, such as `aac-128k`. */
  id: z.string().regex(/^[a-z0-9-]+$/),
  codec: z.literal('aac'),
  /** RFC 6381 codecs parameter. */
  codecs: z.string(),
  /** Nominal bits per second: the setting of the encoder. */
  bitRate: z.int().positive(),
  /** Peak bits per second (23009-1 `@bandwidth`): an estimate until the track is ready, measured after. */
  bandwidth: z.int().positive(),
  /** Bits per second over all segments (RFC 8216 `AVERAGE-BANDWIDTH`); null until it is measured. */
  averageBandwidth: z.int().positive().nullable().default(null),
  /** Encode hash: short hash of the upload, its content and the shape of the encode. Every segment name carries it. */
  key: z.string().regex(/^[0-9a-f]{8}$/),
});
export type Rendition = z.infer<typeof Rendition>;

/** Describes how to open a file that ffmpeg does not recognise. */
export const Opening = z.object({
  /** Name of ffmpeg's demuxer. */
  demuxer: z.enum(['aac', 'flac', 'mp3']),
  /** Offset of the first audio frame in bytes. */
  startByte: z.int().nonnegative(),
});
export type Opening = z.infer<typeof Opening>;

/** Describes the copy that is encoded instead of the original. */
export const SourceCopy = z.object({
  /** Null if ffmpeg recognises the original. */
  opening: Opening.nullable(),
  /** True if the copy follows the time stamps of the original: silence then replaces lost audio. */
  hasTimeline: z.boolean(),
});
export type SourceCopy = z.infer<typeof SourceCopy>;

export const TrackError = z.object({ code: z.string(), message: z.string() });
export type TrackError = z.infer<typeof TrackError>;

/** The record of a track, as stored in `manifests/<filename>/track.json`. */
export const TrackRecord = z.object({
  version: z.literal(TRACK_VERSION),
  filename: z.string().min(1),
  originalName: z.string(),
  status: TrackStatus,
  error: TrackError.nullable(),
  /** ISO 8601 with milliseconds, UTC. */
  uploadedAt: z.iso.datetime(),
  source: Source,
  /** Index, in the container, of the audio stream that is encoded. */
  streamIndex: z.int().nonnegative(),
  /** Name of the original in `uploads/`; null once it is removed. */
  upload: z.string().nullable(),
  /**
   * Identifies this upload, also among uploads of the same bytes under the same name. Null in records that are older than
   * this field.
   */
  uploadId: z.string().nullable().default(null),
  /** Sample rate of every rendition in Hz. */
  sampleRate: z.int().positive(),
  channels: z.int().min(1).max(2),
  /** N: length in samples at `sampleRate`. */
  samples: z.int().positive(),
  /** True if N is certain: the end of the source was decoded. */
  isEndKnown: z.boolean().default(false),
  /** F: AAC frames in a segment. */
  segmentFrames: z.int().positive(),
  renditions: z.array(Rendition).min(1),
  /** Declared and real length in seconds, if the source ends before its declared length; else null. */
  truncated: z.object({ declaredSeconds: z.number(), seconds: z.number() }).nullable().default(null),
  /** Declared length in seconds, if the audio is shorter or longer; else null. */
  declaredSeconds: z.number().nullable().default(null),
  /** True if there is a copy with sample-exact seeks beside an original that has none. */
  hasSeekableCopy: z.boolean().default(false),
  /** Recipe of that copy, kept after it is gone; null if the original is encoded, and in records older than this field. */
  copy: SourceCopy.nullable().default(null),
  /** Bytes on disk: segments, and the original if it is kept; no sidecars. Exact when the track is ready. */
  storedBytes: z.int().nonnegative(),
  ...Facts.shape,
});
export type TrackRecord = z.infer<typeof TrackRecord>;

/** A track as the library gives it. */
export interface Track extends TrackRecord {
  /**
   * Key of everything that the storage has of this track. On disk the file name; elsewhere one that is never used again, so
   * that what is removed late never meets a new track of that name. The library gives it; no record holds it.
   */
  readonly home: string;
}

/**
 * Parses a record of any released version.
 *
 * @throws {z.ZodError} when it is not a valid record.
 */
export function parseTrack(json: unknown): TrackRecord {
  return TrackRecord.parse(json);
}

/**
 * Makes a track of a record: of the same object, since a copy takes 700 bytes more of memory. The member is added by its name:
 * after Object.assign V8 keeps so many members in a hash table, of 1,300 bytes more.
 */
export function trackAt(home: string, record: TrackRecord): Track {
  const track: TrackRecord & { home?: string } = record;
  track.home = home;
  return track as Track;
}

/** Returns the presentation time in seconds. */
export function durationSeconds(track: Pick<Track, 'samples' | 'sampleRate'>): number {
  return track.samples / track.sampleRate;
}
