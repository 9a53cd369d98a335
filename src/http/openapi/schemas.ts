/** What the API answers with, as schemas: answers are written by them, and the description of the API is made of them. */
import * as z from 'zod';
import { ERROR_STATUS, type ErrorCode } from '../../errors.ts';
import { TrackStatus } from '../../tracks/status.ts';
import { Rendition, Source, TrackError } from '../../tracks/track.ts';

const RenditionView = Rendition.pick({
  id: true,
  codecs: true,
  bitRate: true,
  bandwidth: true,
  averageBandwidth: true,
});

const shape = {
  name: z.string().meta({ description: 'The same as `filename`', examples: ['song.mp3'] }),
  filename: z.string().meta({
    description: 'The name that the track goes by: made safe, and different from all others',
    examples: ['song.mp3'],
  }),
  originalName: z.string().meta({ description: 'The name that was sent', examples: ['Song?.mp3'] }),
  status: TrackStatus.meta({ description: 'What became of it', examples: ['ready'] }),
  progress: z
    .number()
    .min(0)
    .max(1)
    .meta({ description: 'How much is encoded', examples: [1] }),
  encoded: z.array(z.array(z.number())).meta({
    description: 'Spans of seconds, each a start and an end, that can be listened to without waiting',
    examples: [[[0, 183.4]]],
  }),
  manifestUrl: z
    .string()
    .nullable()
    .meta({
      description: 'The MPEG-DASH manifest; null until it can be fetched, which is long before `ready`',
      examples: ['/stream/song.mp3/manifest'],
    }),
  hlsUrl: z
    .string()
    .nullable()
    .meta({
      description: 'The HLS master playlist; null as long as `manifestUrl`',
      examples: ['/stream/song.mp3/master.m3u8'],
    }),
  durationSeconds: z
    .number()
    .positive()
    .meta({ examples: [183.4] }),
  samples: z
    .int()
    .positive()
    .meta({ description: 'The length, exactly', examples: [8087940] }),
  sampleRate: z
    .int()
    .positive()
    .meta({ description: 'Hz', examples: [44100] }),
  channels: z
    .int()
    .min(1)
    .max(2)
    .meta({ examples: [2] }),
  renditions: z.array(RenditionView).meta({ description: 'The lowest bit rate first' }),
  source: Source.meta({ description: 'The file that was sent' }),
  storedBytes: z
    .int()
    .nonnegative()
    .meta({ description: 'What it takes on the disk', examples: [2934180] }),
  uploadedAt: z.iso.datetime().meta({ examples: ['2026-11-22T22:55:34.266Z'] }),
  truncated: z
    .object({ declaredSeconds: z.number(), seconds: z.number() })
    .optional()
    .meta({ description: 'Where the file ended before the length that it declares' }),
  declaredSeconds: z
    .number()
    .optional()
    .meta({
      description: 'The length that the file declares, where its audio is shorter or longer',
      examples: [190],
    }),
  error: TrackError.optional().meta({ description: 'Why it failed' }),
};

export const TrackView = z.object(shape).meta({ id: 'Track', description: 'A track' });
export type TrackView = z.infer<typeof TrackView>;

export const UploadedTrack = z
  .object({ message: z.string().meta({ examples: ['"song.mp3" is ready to play.'] }), ...shape })
  .meta({ id: 'UploadedTrack', description: 'A track, and a sentence for people' });

export const StreamLinks = z
  .object({
    manifestUrl: z.string().meta({ examples: ['/signed/t1q2w3.kJ8…/song.mp3/manifest'] }),
    hlsUrl: z.string().meta({ examples: ['/signed/t1q2w3.kJ8…/song.mp3/master.m3u8'] }),
    expiresAt: z.iso
      .datetime()
      .nullable()
      .meta({ description: 'Null where they do not end', examples: ['2026-11-23T23:00:00.000Z'] }),
  })
  .meta({ id: 'StreamLinks', description: 'Addresses that can be given to a player' });
export type StreamLinks = z.infer<typeof StreamLinks>;

const codes = Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]];
const Fault = z.object({
  parameter: z
    .string()
    .optional()
    .meta({ description: 'The parameter of the query', examples: ['limit'] }),
  pointer: z
    .string()
    .optional()
    .meta({ description: 'The place in the body, as a JSON Pointer', examples: ['#/expiresInSeconds'] }),
  detail: z.string().meta({ examples: ['"limit" must be at least 1'] }),
});

export const Problem = z
  .object({
    type: z.literal('about:blank'),
    title: z.string().meta({ examples: ['Not Found'] }),
    status: z.int().meta({ examples: [404] }),
    code: z.enum(codes).meta({ description: 'Stable; docs/api.md says what to do about each' }),
    detail: z.string().meta({ description: 'For people', examples: ['There is no track named "song.mp3".'] }),
    errors: z.array(Fault).optional().meta({ description: 'Each field that is wrong' }),
    filename: z.string().optional().meta({ description: 'The track that it is about' }),
    limitBytes: z.int().optional().meta({ description: 'How large a file may be' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457)' });

export const Health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

const Check = z.object({ ok: z.boolean(), detail: z.string().optional() });
export const Readiness = z
  .object({
    status: z.enum(['ready', 'not ready']),
    checks: z.record(z.string(), Check).optional(),
    waiting: z.int().optional().meta({ description: 'Tracks that wait to be processed' }),
    sandbox: z
      .object({ mode: z.string(), detail: z.string() })
      .optional()
      .meta({ description: 'What confines ffmpeg' }),
    damagedTracks: z.array(z.string()).optional(),
    inUse: z.record(z.string(), z.number()).optional().meta({
      description: 'What clients make the server hold just now, by kind; all 0 when there are none',
    }),
  })
  .meta({
    id: 'Readiness',
    description: 'Whether the server can do its work; why, is told to holders of a key where there are keys',
  });
