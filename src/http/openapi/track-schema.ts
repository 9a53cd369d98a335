/** Defines a track as the API returns it. */
import * as z from 'zod';
import { AnalysisStatus, Chapter } from '../../tracks/facts.ts';
import { TrackStatus } from '../../tracks/status.ts';
import { Rendition, Source, TrackError } from '../../tracks/track.ts';

const RenditionView = Rendition.pick({
  id: true,
  codecs: true,
  bitRate: true,
  bandwidth: true,
  averageBandwidth: true,
});

const text = (...examples: string[]) => z.string().nullable().meta({ examples });
const count = (example: number) =>
  z
    .int()
    .nullable()
    .meta({ examples: [example] });

/** Tags of a track: all of them, with null for those that it does not have. */
export const TagsView = z
  .object({
    title: text('Jóga'),
    artist: text('Björk'),
    album: text('Homogenic'),
    albumArtist: text('Björk'),
    composer: text('Björk'),
    genres: z.array(z.string()).meta({ examples: [['Electronic']] }),
    date: text('1997-09-22'),
    track: count(2),
    trackTotal: count(10),
    disc: count(1),
    discTotal: count(1),
    isrc: text('GBAAP9700154'),
    language: text('eng'),
    comment: text('Remastered'),
  })
  .meta({
    description: 'What the file says of itself, or a client has set: plain text, never markup',
  });
export type TagsView = z.infer<typeof TagsView>;

const shape = {
  name: z.string().meta({ description: 'The same as `filename`', examples: ['song.mp3'] }),
  filename: z.string().meta({
    description: 'Name of the track: made safe, and unique',
    examples: ['song.mp3'],
  }),
  originalName: z.string().meta({ description: 'Name of the uploaded file', examples: ['Song?.mp3'] }),
  status: TrackStatus.meta({ description: 'State of the track', examples: ['ready'] }),
  progress: z
    .number()
    .min(0)
    .max(1)
    .meta({ description: 'Encoded share, from 0 to 1', examples: [1] }),
  encoded: z.array(z.array(z.number())).meta({
    description:
      'Spans that are encoded in the main rendition and play without waiting: start and end in seconds',
    examples: [[[0, 183.4]]],
  }),
  manifestUrl: z
    .string()
    .nullable()
    .meta({
      description:
        'Address of the MPEG-DASH manifest; null until the track can be played, which is long before `ready`',
      examples: ['/stream/song.mp3/manifest'],
    }),
  hlsUrl: z
    .string()
    .nullable()
    .meta({
      description: 'Address of the HLS master playlist; null as long as `manifestUrl` is',
      examples: ['/stream/song.mp3/master.m3u8'],
    }),
  coverUrl: z
    .string()
    .nullable()
    .meta({
      description:
        'Address of the cover, a JPEG of at most 320 pixels; `&size=` 96 or 1000 gives another size. The address changes with the picture, so caches may keep it. Null without a cover',
      examples: ['/stream/song.mp3/cover?v=5b1f0c66ab92019ac5d1f3e80a1b2c3d'],
    }),
  durationSeconds: z
    .number()
    .positive()
    .meta({ examples: [183.4] }),
  samples: z
    .int()
    .positive()
    .meta({ description: 'Exact length in samples', examples: [8087940] }),
  sampleRate: z
    .int()
    .positive()
    .meta({ description: 'Sample rate in Hz', examples: [44100] }),
  channels: z
    .int()
    .min(1)
    .max(2)
    .meta({ examples: [2] }),
  renditions: z.array(RenditionView).meta({ description: 'Renditions, the lowest bit rate first' }),
  source: Source.meta({ description: 'The uploaded file' }),
  storedBytes: z
    .int()
    .nonnegative()
    .meta({ description: 'Bytes on the disk', examples: [2934180] }),
  uploadedAt: z.iso.datetime().meta({ examples: ['2026-11-22T22:55:34.266Z'] }),
  tags: TagsView,
  chapters: z.array(Chapter).meta({
    description: 'Chapters in the order of their start',
    examples: [[{ startSeconds: 0, endSeconds: 183.4, title: 'Chapter 1' }]],
  }),
  chaptersUrl: z
    .string()
    .nullable()
    .meta({
      description:
        'Address of the chapters as JSON (Podcasting 2.0), which needs no API key; null where there are none',
      examples: ['/stream/song.mp3/chapters.json'],
    }),
  metadata: z.record(z.string(), z.unknown()).meta({
    description: 'Free data of clients; `PATCH` sets it',
    examples: [{ externalId: 'album-7/3' }],
  }),
  analysis: AnalysisStatus.nullable().meta({
    description:
      'State of the analysis, which begins when the track is ready and no client needs the processors; null for a track of an older version, until `npm run analyze`',
    examples: ['done'],
  }),
  loudness: z
    .object({
      integratedLufs: z
        .number()
        .nullable()
        .meta({ description: 'Null for silence', examples: [-14.2] }),
      truePeakDbtp: z
        .number()
        .nullable()
        .meta({ description: 'Null for silence', examples: [-0.7] }),
      rangeLu: z.number().meta({ examples: [6.1] }),
    })
    .nullable()
    .meta({ description: 'Loudness by EBU R 128 of the uploaded file; null until it is analysed' }),
  replayGain: z
    .object({
      trackGainDb: z.number().meta({ examples: [-3.8] }),
      trackPeak: z
        .number()
        .nullable()
        .meta({ description: '1 is full scale', examples: [0.922571] }),
      albumGainDb: z
        .number()
        .nullable()
        .meta({ examples: [-3.1] }),
      albumPeak: z
        .number()
        .nullable()
        .meta({ examples: [0.988553] }),
    })
    .nullable()
    .meta({
      description:
        'Gain to play the track, or its album, at -18 LUFS (ReplayGain 2.0); null until it is analysed, and for silence. An album is all analysed tracks of equal `albumArtist` (else `artist`) and `album`',
    }),
  waveformUrl: z
    .string()
    .nullable()
    .meta({
      description: 'Address of the waveform; `waveform.json` is beside it. Null until the track is analysed',
      examples: ['/stream/song.mp3/waveform.dat'],
    }),
  pausesUrl: z
    .string()
    .nullable()
    .meta({
      description: 'Address of the pauses; null until the track is analysed',
      examples: ['/stream/song.mp3/pauses'],
    }),
  truncated: z
    .object({ declaredSeconds: z.number(), seconds: z.number() })
    .optional()
    .meta({ description: 'Declared and real length, if the file ends before its declared length' }),
  declaredSeconds: z
    .number()
    .optional()
    .meta({
      description: 'Declared length in seconds, if the audio is shorter or longer',
      examples: [190],
    }),
  error: TrackError.optional().meta({ description: 'Why processing failed' }),
};

export const TrackView = z.object(shape).meta({ id: 'Track', description: 'A track' });
export type TrackView = z.infer<typeof TrackView>;

export const UploadedTrack = z
  .object({ message: z.string().meta({ examples: ['"song.mp3" is ready to play.'] }), ...shape })
  .meta({ id: 'UploadedTrack', description: 'A track, and a sentence for people' });
