/** Describes the routes of streams for OpenAPI. Their responses are written by `caching.ts`, not by these schemas. */
import * as z from 'zod';
import type { ErrorCode } from '../../errors.ts';
import { empty, headers, media, problems } from '../openapi/responses.ts';

/** An address space of streams: open, or behind a signature. */
export interface Place {
  params: z.ZodObject;
  /** Part of the operation ids. */
  id: string;
}

const tags = ['streams'];
const playlist = 'application/vnd.apple.mpegurl';
const text = (description: string, type: string) => ({
  200: media(description, type, headers.validators),
  304: empty('The copy of the client is current', headers.validators),
});

export const manifest = ({ params, id }: Place) => ({
  operationId: `get${id}Manifest`,
  tags,
  summary: 'Get the MPEG-DASH manifest (ISO/IEC 23009-1)',
  params,
  response: {
    ...text('The MPD', 'application/dash+xml'),
    ...problems('link_invalid', 'track_not_found', 'manifest_not_ready'),
  },
});

export const masterPlaylist = ({ params, id }: Place) => ({
  operationId: `get${id}MasterPlaylist`,
  tags,
  summary: 'Get the HLS master playlist (RFC 8216)',
  params,
  response: {
    ...text('The master playlist', playlist),
    ...problems('link_invalid', 'track_not_found', 'manifest_not_ready'),
  },
});

const Rendition = z.string().meta({ description: 'Id of a rendition', examples: ['aac-128k'] });
export const mediaPlaylist = ({ params, id }: Place) => ({
  operationId: `get${id}MediaPlaylist`,
  tags,
  summary: 'Get the HLS playlist of a rendition (RFC 8216)',
  params: params.extend({ rendition: Rendition }),
  response: {
    ...text('The playlist', playlist),
    ...problems('link_invalid', 'track_not_found', 'rendition_not_found', 'manifest_not_ready'),
  },
});

const SegmentName = z.string().meta({
  description: 'Name of a segment, from the manifest or a playlist',
  examples: ['aac-128k-1a2b3c4d-00001.m4s'],
});
const ofSegment = { ...headers.validators, ...headers.ranges };
export const segment = ({ params, id }: Place) => ({
  operationId: `get${id}Segment`,
  tags,
  summary: 'Get an init or media segment (ISO/IEC 23000-19)',
  description:
    'A segment never changes. A request for a segment that is not encoded yet waits for it, at most `SEGMENT_WAIT_SECONDS`. Single ranges are supported. With `STREAM_FROM=s3`, GET for a segment of a ready track is redirected to where the segment is stored.',
  params: params.extend({ segmentName: SegmentName }),
  response: {
    200: media('The whole segment', 'audio/mp4', ofSegment),
    206: media('The requested range', 'audio/mp4', { ...ofSegment, ...headers.contentRange }),
    304: empty('The copy of the client is current', headers.validators),
    307: empty('The segment is at another address, which ends after some minutes', headers.redirect),
    416: empty('The range begins after the end', headers.contentRange),
    ...problems('link_invalid', 'track_not_found', 'segment_not_found', 'segment_not_yet', 'shutting_down'),
  },
});

/** Describes a side file. Below `/files` it needs an API key, below `/stream` the rules of streams apply. */
export const sideFile = (
  file: {
    id: string;
    summary: string;
    description?: string;
    type: string;
    problems: readonly ErrorCode[];
  },
  { params, id }: Place,
) => ({
  operationId: `get${id}${file.id}`,
  tags: [id === 'File' ? 'files' : 'streams'],
  summary: file.summary,
  ...(file.description !== undefined && { description: file.description }),
  params,
  response: {
    200: media('The whole file', file.type, ofSegment),
    206: media('The requested range', file.type, { ...ofSegment, ...headers.contentRange }),
    304: empty('The copy of the client is current', headers.validators),
    416: empty('The range begins after the end', headers.contentRange),
    ...problems('invalid_query', 'track_not_found', ...file.problems),
    ...(id === 'File' ? problems('unauthorized', 'rate_limited') : problems('link_invalid')),
  },
});
