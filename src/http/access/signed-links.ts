/**
 * Makes and checks links to streams. With a secret they are signed. The signature is part of the path: addresses in
 * manifests and playlists are relative, so players keep it without knowing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Track } from '../../tracks/track.ts';

/** Life of a link: enough for a ten-hour audiobook with pauses. */
const DEFAULT_LINK_SECONDS = 24 * 3600;
/** Links without a given life expire on the hour, so that they stay equal for a while and caches can keep their streams. */
const ROUNDED_TO_SECONDS = 3600;
/** Most valid signatures to remember, so that they are not computed again. */
const REMEMBERED = 10_000;

export interface Link {
  /** First part of all addresses of the stream, without a slash at its end: `/stream/song.mp3`. */
  path: string;
  /** Null if the link does not expire. */
  expiresAt: Date | null;
}

/** Fields of a track that a link is bound to. */
export type LinkedTrack = Pick<Track, 'filename' | 'uploadId' | 'uploadedAt'>;

export interface SignedLinks {
  /** True if streams are signed. If not, `admits` needs no track. */
  readonly areSigned: boolean;
  /** Makes a link. @param seconds until it expires; by default a day, rounded up to the full hour. */
  to(track: LinkedTrack, seconds?: number): Link;
  /** Returns whether a signature opens a track: always if streams are not signed, never if there is no track. */
  admits(signature: string | undefined, track: LinkedTrack | undefined): boolean;
}

/** Creates the links. @param secret null leaves streams open. */
export function createSignedLinks(secret: string | null): SignedLinks {
  if (secret === null) {
    const path = (filename: string) => `/stream/${encodeURIComponent(filename)}`;
    return {
      areSigned: false,
      to: ({ filename }) => ({ path: path(filename), expiresAt: null }),
      admits: () => true,
    };
  }

  /** Expiry of links with a valid signature, in milliseconds since 1970, by signature and track. */
  const remembered = new LRUCache<string, number>({ max: REMEMBERED });
  // Only the last part can contain a slash, so the parts cannot run together.
  const macOf = (expires: string, track: LinkedTrack) =>
    createHmac('sha256', secret)
      .update(`${expires}/${track.filename}/${uploadOf(track)}`)
      .digest();

  const endOf = (signature: string, track: LinkedTrack): number => {
    const [, expires, mac] = /^([0-9a-z]{1,9})\.([\w-]{43})$/.exec(signature) ?? [];
    if (expires === undefined || mac === undefined) return 0;
    const isOurs = timingSafeEqual(macOf(expires, track), Buffer.from(mac, 'base64url'));
    return isOurs ? Number.parseInt(expires, 36) * 1000 : 0;
  };

  return {
    areSigned: true,
    to(track, seconds) {
      const now = Date.now() / 1000;
      const end =
        seconds === undefined
          ? Math.ceil((now + DEFAULT_LINK_SECONDS) / ROUNDED_TO_SECONDS) * ROUNDED_TO_SECONDS
          : Math.ceil(now + seconds);
      const expires = end.toString(36);
      const signature = `${expires}.${macOf(expires, track).toString('base64url')}`;
      return {
        path: `/signed/${signature}/${encodeURIComponent(track.filename)}`,
        expiresAt: new Date(end * 1000),
      };
    },
    admits(signature, track) {
      if (signature === undefined || track === undefined) return false;
      const link = `${signature}/${track.filename}/${uploadOf(track)}`;
      let end = remembered.get(link);
      if (end === undefined) {
        end = endOf(signature, track);
        if (end > 0) remembered.set(link, end);
      }
      return Date.now() < end;
    },
  };
}

/** Returns the id of the upload, or its time for an old record: both differ for any two tracks of a library. */
function uploadOf({ uploadId, uploadedAt }: LinkedTrack): string {
  return uploadId ?? uploadedAt;
}
