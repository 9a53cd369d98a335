/** Describes responses for OpenAPI: by status, with their content and headers. */
import * as z from 'zod';
import { ERROR_STATUS, type ErrorCode } from '../../errors.ts';
import { Problem } from './schemas.ts';

/** A header, as a JSON Schema. */
interface DescribedHeader {
  description: string;
  type: 'string' | 'integer';
  examples?: (string | number)[];
}

export interface DescribedResponse {
  description: string;
  content?: Record<string, { schema: z.ZodType }>;
  headers?: Record<string, DescribedHeader>;
}

type Headers = Record<string, DescribedHeader>;

/** Describes a JSON response. */
export const json = (description: string, schema: z.ZodType, headers: Headers = {}): DescribedResponse => ({
  description,
  content: { 'application/json': { schema } },
  headers,
});

/** Describes a response of another type than JSON. */
export const media = (description: string, type: string, headers: Headers = {}): DescribedResponse => ({
  description,
  content: { [type]: { schema: z.string() } },
  headers,
});

/** Stands for the media type of a response without a body. It does not appear in the description. */
export const NOTHING = 'none/none';

/** Describes a response without a body. */
export const empty = (description: string, headers: Headers = {}): DescribedResponse => ({
  description,
  headers,
  content: { [NOTHING]: { schema: z.undefined() } },
});

/** Describes the errors of a route by status; each is a problem document (RFC 9457). */
export function problems(...codes: ErrorCode[]): Record<number, DescribedResponse> {
  const answers: Record<number, DescribedResponse> = {};
  for (const code of codes) {
    const status = ERROR_STATUS[code];
    const before = answers[status]?.description;
    answers[status] = {
      description: before === undefined ? `\`${code}\`` : `${before}, \`${code}\``,
      content: { 'application/problem+json': { schema: Problem } },
      headers: HEADERS_OF_STATUS[status] ?? {},
    };
  }
  return answers;
}

const text = (description: string, ...examples: [string, ...string[]]): DescribedHeader => ({
  description,
  type: 'string',
  examples,
});

const retryAfter: DescribedHeader = {
  description: 'Seconds to wait before the next try (RFC 9110 section 10.2.3)',
  type: 'integer',
  examples: [5],
};

const HEADERS_OF_STATUS: Record<number, Headers> = {
  401: { 'WWW-Authenticate': text('RFC 6750 section 3', 'Bearer') },
  429: { 'Retry-After': retryAfter },
  503: { 'Retry-After': retryAfter },
};

export const headers = {
  location: { Location: text('Address of the track', '/files/song.mp3') },
  redirect: {
    Location: text(
      'Address of the segment at the S3 server or below `CDN_URL`',
      'https://cdn.example.org/audio/segments/0f0e3c/aac-128k-1a2b3c4d-00001.m4s',
    ),
  },
  nextPage: {
    Link: text(
      'Address of the next page, as `rel="next"`; missing on the last page',
      '</files?limit=50&cursor=MjAyNg>; rel="next"',
    ),
  },
  editTag: {
    ETag: text(
      'Strong entity tag of tags, chapters, metadata and cover, for `If-Match` (RFC 9110 section 8.8.3)',
      '"Zm9vYmFyYmF6cXV4cXV1eA"',
    ),
  },
  acceptPatch: {
    'Accept-Patch': text(
      'Media types of edits (RFC 5789 section 3.1)',
      'application/merge-patch+json, application/json',
    ),
  },
  validators: {
    ETag: text('Strong entity tag (RFC 9110 section 8.8.3)', '"1l2-x9k3f"'),
    'Cache-Control': text('How long caches may keep the response', 'public, max-age=31536000, immutable'),
  },
  ranges: {
    'Accept-Ranges': text('Always `bytes`', 'bytes'),
  },
  contentRange: {
    'Content-Range': text('Position of this part (RFC 9110 section 14.4)', 'bytes 0-99/65536'),
  },
} satisfies Record<string, Headers>;
