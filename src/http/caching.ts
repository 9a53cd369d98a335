/** Conditional and ranged answers (RFC 9110 sections 13 and 14) for bytes that are in memory. */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

export interface Representation {
  bytes: Buffer;
  type: string;
  cacheControl: string;
  /** Strong, quotes included. */
  etag: string;
}

export const IMMUTABLE = 'public, max-age=31536000, immutable';
/** May be kept, but is asked for again before it is used. */
export const REVALIDATE = 'no-cache';

/** A strong entity tag of the bytes themselves (RFC 9110 section 8.8.3). */
export function etagOf(bytes: Buffer): string {
  return `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
}

/**
 * Answers GET and HEAD: 304 where the client has it, 206 for a single range, 416 for one beyond the end, else 200.
 * Several ranges are answered whole, as section 14.2 allows.
 */
export function sendRepresentation(
  request: FastifyRequest,
  reply: FastifyReply,
  { bytes, type, cacheControl, etag }: Representation,
): FastifyReply {
  void reply.headers({ etag, 'cache-control': cacheControl, 'accept-ranges': 'bytes' });
  if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();

  const range = wantedRange(request, bytes.length, etag);
  if (range === 'unsatisfiable') {
    return reply.code(416).header('content-range', `bytes */${bytes.length}`).send();
  }
  void reply.type(type);
  if (!range) return reply.send(bytes);
  return reply
    .code(206)
    .header('content-range', `bytes ${range.start}-${range.end}/${bytes.length}`)
    .send(bytes.subarray(range.start, range.end + 1));
}

/** If-None-Match compares weakly (section 13.1.2). */
function matchesEtag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

function wantedRange(request: FastifyRequest, size: number, etag: string) {
  const { range, 'if-range': ifRange } = request.headers;
  // A range is defined for GET only (section 14.2); a stale If-Range asks for the whole (section 13.1.5).
  if (range === undefined || request.method !== 'GET' || (ifRange !== undefined && ifRange !== etag))
    return undefined;
  return parseRange(range, size);
}

/**
 * A single range of bytes (section 14.1.2); both ends are included.
 *
 * @returns undefined for what is not one, or is none at all: the whole is the answer then.
 */
function parseRange(
  header: string,
  size: number,
): { start: number; end: number } | 'unsatisfiable' | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/i.exec(header.replace(/[ \t]/g, '')) ?? [];
  if (first === undefined || last === undefined || (first === '' && last === '')) return undefined;
  if (first === '') {
    // The last so many bytes: all, where there are not so many.
    return Number(last) === 0 || size === 0
      ? 'unsatisfiable'
      : { start: Math.max(0, size - Number(last)), end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (last !== '' && Number(last) < start) return undefined;
  return start < size ? { start, end } : 'unsatisfiable';
}
