/**
 * Defines the responses of the API, apart from tracks. Responses are written by these schemas, and the OpenAPI description is made
 * from them.
 */
import * as z from 'zod';
import { ERROR_STATUS, type ErrorCode } from '../../errors.ts';

export const StreamLinks = z
  .object({
    manifestUrl: z.string().meta({ examples: ['/signed/t1q2w3.kJ8…/song.mp3/manifest'] }),
    hlsUrl: z.string().meta({ examples: ['/signed/t1q2w3.kJ8…/song.mp3/master.m3u8'] }),
    expiresAt: z.iso
      .datetime()
      .nullable()
      .meta({
        description: 'When the addresses expire; null if they do not',
        examples: ['2026-11-23T23:00:00.000Z'],
      }),
  })
  .meta({ id: 'StreamLinks', description: 'Addresses to give to a player' });
export type StreamLinks = z.infer<typeof StreamLinks>;

const codes = Object.keys(ERROR_STATUS) as [ErrorCode, ...ErrorCode[]];
const FieldErrorView = z.object({
  parameter: z
    .string()
    .optional()
    .meta({ description: 'Query parameter', examples: ['limit'] }),
  pointer: z
    .string()
    .optional()
    .meta({ description: 'Place in the body, as a JSON Pointer', examples: ['#/expiresInSeconds'] }),
  detail: z.string().meta({ examples: ['"limit" must be at least 1'] }),
});

export const Problem = z
  .object({
    type: z.literal('about:blank'),
    title: z.string().meta({ examples: ['Not Found'] }),
    status: z.int().meta({ examples: [404] }),
    code: z.enum(codes).meta({ description: 'Stable code; docs/api.md says what to do about each' }),
    detail: z
      .string()
      .meta({ description: 'Message for people', examples: ['There is no track named "song.mp3".'] }),
    errors: z.array(FieldErrorView).optional().meta({ description: 'The wrong fields' }),
    filename: z.string().optional().meta({ description: 'Track that the error is about' }),
    limitBytes: z.int().optional().meta({ description: 'Largest size of a file in bytes' }),
  })
  .meta({ id: 'Problem', description: 'Problem details (RFC 9457)' });

export const Health = z.object({ status: z.literal('ok') }).meta({ id: 'Health' });

const Check = z.object({ ok: z.boolean(), detail: z.string().optional() });
export const Readiness = z
  .object({
    status: z.enum(['ready', 'not ready']),
    checks: z.record(z.string(), Check).optional(),
    node: z
      .object({ name: z.string(), role: z.enum(['all', 'api', 'encode']), leases: z.int() })
      .optional()
      .meta({
        description:
          'This server among those that share its database: its name, what it does, and how many tracks it encodes',
      }),
    waiting: z.int().optional().meta({ description: 'Tracks that are processed or wait for it' }),
    sandbox: z
      .object({ mode: z.string(), detail: z.string() })
      .optional()
      .meta({ description: 'Sandbox of ffmpeg' }),
    damagedTracks: z.array(z.string()).optional(),
    inUse: z.record(z.string(), z.number()).optional().meta({
      description: 'Units of each budget that clients use now; all 0 on an idle server',
    }),
  })
  .meta({
    id: 'Readiness',
    description: 'Whether the server can do its work. The reasons need an API key if the server has any',
  });
