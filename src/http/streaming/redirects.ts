/** Sends clients to where the segments of ready tracks are stored (RFC 9110 section 15.4.8), if the storage has addresses for them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Services } from '../../services.ts';
import type { Track } from '../../tracks/track.ts';
import { trackOf } from '../track-param.ts';
import type { HeaderList } from './caching.ts';
import type { CrossOrigin } from './cross-origin.ts';
import { type SegmentParams, segmentOf } from './segments.ts';

/** The address of a stored segment. */
export interface Redirect {
  location: string;
}

export interface Redirects {
  /** Returns the address of a segment of a track whose record is in memory. */
  cached(filename: string, segmentName: string, request: IncomingMessage): Redirect | undefined;
  /** Resolves with the address of a segment. @throws {AppError} 404 when there is no such track. */
  find(params: SegmentParams, request: IncomingMessage): Promise<Redirect | undefined>;
}

export function createRedirects({ library, storage: { addresses } }: Services): Redirects {
  if (!addresses) return { cached: () => undefined, find: async () => undefined };

  const redirectTo = (track: Track, segmentName: string): Redirect | undefined => {
    // While a track is encoded or repaired, its segments may have to be waited for.
    if (track.status !== 'ready' || !segmentOf(track, segmentName)) return undefined;
    const location = addresses.of(track.home, segmentName);
    return location === undefined ? undefined : { location };
  };
  // A signed address is for GET only: the service answers HEAD itself.
  const isGet = ({ method }: IncomingMessage) => method === 'GET';

  return {
    cached(filename, segmentName, request) {
      const track = isGet(request) ? library.peek(filename) : undefined;
      return track && redirectTo(track, segmentName);
    },
    async find(params, request) {
      if (!isGet(request)) return undefined;
      return redirectTo(await trackOf(params, library), params.segmentName);
    },
  };
}

/**
 * Answers 307. No cache may keep the answer: the service checks the link of each request, and knows when a segment is encoded
 * again.
 */
export function sendRedirect(
  request: IncomingMessage,
  response: ServerResponse,
  { location }: Redirect,
  origins: CrossOrigin,
): void {
  const headers: HeaderList = [
    ...['Location', location, 'Cache-Control', 'no-store', 'Content-Length', '0'],
    ...origins.always,
    ...origins.of(request),
  ];
  response.writeHead(307, headers as string[]).end();
}
