/** Defines what is known of a recording beyond its audio: tags, chapters, a cover, and what an analysis has found. */
import * as z from 'zod';

const Text = z.string().min(1);
const Count = z.int().positive();

/** Tags of a recording. A tag that is absent has no key. All text is plain text, never markup. */
export const Tags = z
  .object({
    title: Text,
    artist: Text,
    album: Text,
    albumArtist: Text,
    composer: Text,
    genres: z.array(Text).min(1),
    /** As the file writes it: `1999`, `1999-12-31`. */
    date: Text,
    track: Count,
    trackTotal: Count,
    disc: Count,
    discTotal: Count,
    isrc: Text,
    language: Text,
    comment: Text,
  })
  .partial();
export type Tags = z.infer<typeof Tags>;

export const Chapter = z.object({
  startSeconds: z.number().nonnegative(),
  endSeconds: z.number().positive(),
  title: z.string(),
});
export type Chapter = z.infer<typeof Chapter>;

/** The picture of a track. The sizes of it are stored as sidecars that carry its hash. */
export const Cover = z.object({
  /** Hash of its pictures and of the change that set it: no cover of the track ever has that of another one. */
  hash: z.string().regex(/^[0-9a-f]{8,64}$/),
});
export type Cover = z.infer<typeof Cover>;

/** Loudness of a whole track by EBU R 128. */
export const Loudness = z.object({
  /** Integrated loudness in LUFS; null for silence. */
  integratedLufs: z.number().nullable(),
  /** Highest true peak in dBTP; null for digital silence. */
  truePeakDbtp: z.number().nullable(),
  /** Loudness range in LU (EBU Tech 3342). */
  rangeLu: z.number().nonnegative(),
});
export type Loudness = z.infer<typeof Loudness>;

export const AnalysisStatus = z.enum(['pending', 'done', 'failed']);
export type AnalysisStatus = z.infer<typeof AnalysisStatus>;

/** The state of a track's analysis, and what it has found. */
export const Analysis = z.object({
  status: AnalysisStatus,
  /** What was decoded: `original`, or the id of a rendition. Null until the analysis is done. */
  from: z.string().nullable(),
  loudness: Loudness.nullable(),
});
export type Analysis = z.infer<typeof Analysis>;

/** The state of a track that is to be analysed. */
export const TO_ANALYSE: Analysis = Object.freeze({ status: 'pending', from: null, loudness: null });

/** The facts of a track that its record holds. Each has a default for records that are older than it. */
export const Facts = z.object({
  /** True if the tags, chapters and the cover of the file were read. */
  areTagsRead: z.boolean().default(false),
  tags: Tags.default({}),
  chapters: z.array(Chapter).default([]),
  cover: Cover.nullable().default(null),
  /** Free data of clients: a JSON object. */
  metadata: z.record(z.string(), z.json()).default({}),
  /**
   * What clients have changed: `cover`, `chapters` and names of tags. What is read from the file later leaves these alone.
   */
  edited: z.array(z.string()).default([]),
  /** Null in records that are older than this field: nothing was analysed, and nothing will be unless somebody asks for it. */
  analysis: Analysis.nullable().default(null),
});
export type Facts = z.infer<typeof Facts>;

/** The facts of a track of which nothing is known. */
export const NO_FACTS: Facts = Object.freeze(Facts.parse({}));
