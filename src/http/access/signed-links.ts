/**
 * Links to streams. With a secret they are signed, and the signature is a part of the path: addresses in manifests and
 * playlists are relative, so players carry it along without knowing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Track } from '../../tracks/track.ts';

/** A ten-hour audiobook, with pauses. */
const DEFAULT_LINK_SECONDS = 24 * 3600;
/** Links that come with every answer end on the hour: the same one is given for a while, and caches can keep what it leads to. */
const ROUNDED_TO_SECONDS = 3600;
/** Signatures that were found good, for which nothing is computed again. */
const REMEMBERED = 10_000;

export interface Link {
  /** What addresses of a track's stream begin with, without a slash at its end: `/stream/song.mp3`. */
  path: string;
  /** Null for one that does not end. */
  expiresAt: Date | null;
}

/** What of a track a link is for. */
export type LinkedTrack = Pick<Track, 'filename' | 'uploadId' | 'uploadedAt'>;

export interface SignedLinks {
  /** Whether streams are signed: `admits` needs no track where they are not. */
  readonly areSigned: boolean;
  /** @param seconds for so long exactly; without it for a day, and until the next full hour. */
  to(track: LinkedTrack, seconds?: number): Link;
  /** Whether an address opens a track: always where nothing is signed, never where there is no track. */
  admits(signature: string | undefined, track: LinkedTrack | undefined): boolean;
}

/** @param secret null leaves streams open. */
export function createSignedLinks(secret: string | null): SignedLinks {
  if (secret === null) {
    const path = (filename: string) => `/stream/${encodeURIComponent(filename)}`;
    return {
      areSigned: false,
      to: ({ filename }) => ({ path: path(filename), expiresAt: null }),
      admits: () => true,
    };
  }

  /** When the links end whose signature was found good, in milliseconds; by signature and track. */
  const remembered = new LRUCache<string, number>({ max: REMEMBERED });
  // No part has a slash but the last.
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

/** Differs for any two tracks of a library: times of upload do as well. */
function uploadOf({ uploadId, uploadedAt }: LinkedTrack): string {
  return uploadId ?? uploadedAt;
}
