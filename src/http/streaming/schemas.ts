/** The routes of streams, described. They are answered by hand, so nothing is written by these. */
import * as z from 'zod';
import { empty, headers, media, problems } from '../openapi/responses.ts';

/** Where streams are: open to all, or behind a signature. */
export interface Place {
  params: z.ZodObject;
  /** What sets its operations apart. */
  id: string;
}

const tags = ['streams'];
const playlist = 'application/vnd.apple.mpegurl';
const text = (description: string, type: string) => ({
  200: media(description, type, headers.validators),
  304: empty('The client has it', headers.validators),
});

export const manifest = ({ params, id }: Place) => ({
  ...{ operationId: `get${id}Manifest`, tags, summary: 'The MPEG-DASH manifest (ISO/IEC 23009-1)', params },
  response: {
    ...text('The MPD', 'application/dash+xml'),
    ...problems('link_invalid', 'track_not_found', 'manifest_not_ready'),
  },
});

export const masterPlaylist = ({ params, id }: Place) => ({
  ...{ operationId: `get${id}MasterPlaylist`, tags, summary: 'The HLS master playlist (RFC 8216)', params },
  response: {
    ...text('The renditions', playlist),
    ...problems('link_invalid', 'track_not_found', 'manifest_not_ready'),
  },
});

const Rendition = z.string().meta({ description: 'The id of a rendition', examples: ['aac-128k'] });
export const mediaPlaylist = ({ params, id }: Place) => ({
  ...{ operationId: `get${id}MediaPlaylist`, tags, summary: 'The HLS playlist of a rendition (RFC 8216)' },
  params: params.extend({ rendition: Rendition }),
  response: {
    ...text('Its segments', playlist),
    ...problems('link_invalid', 'track_not_found', 'rendition_not_found', 'manifest_not_ready'),
  },
});

const SegmentName = z.string().meta({
  description: 'As manifest and playlists name it',
  examples: ['aac-128k-1a2b3c4d-00001.m4s'],
});
const ofSegment = { ...headers.validators, ...headers.ranges };
export const segment = ({ params, id }: Place) => ({
  ...{ operationId: `get${id}Segment`, tags, summary: 'An init or media segment (ISO/IEC 23000-19)' },
  description:
    'Never changes. One that is not encoded yet is held until it is. A single range may be asked for.',
  params: params.extend({ segmentName: SegmentName }),
  response: {
    200: media('All of it', 'audio/mp4', ofSegment),
    206: media('The range that was asked for', 'audio/mp4', { ...ofSegment, ...headers.contentRange }),
    304: empty('The client has it', headers.validators),
    416: empty('The range is beyond the end', headers.contentRange),
    ...problems('link_invalid', 'track_not_found', 'segment_not_found', 'segment_not_yet', 'shutting_down'),
  },
});
