/**
 * Links to streams. With a secret they are signed, and the signature is a part of the path: addresses in manifests and
 * playlists are relative, so players carry it along without knowing.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';

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

export interface Links {
  /** @param seconds for so long exactly; without it for a day, and until the next full hour. */
  to(filename: string, seconds?: number): Link;
  /** Whether an address opens a track: always where nothing is signed. */
  admits(signature: string | undefined, filename: string): boolean;
}

/** @param secret null leaves streams open. */
export function createLinks(secret: string | null): Links {
  if (secret === null) {
    const path = (filename: string) => `/stream/${encodeURIComponent(filename)}`;
    return { to: (filename) => ({ path: path(filename), expiresAt: null }), admits: () => true };
  }

  /** When the links end whose signature was found good, in milliseconds. */
  const remembered = new LRUCache<string, number>({ max: REMEMBERED });
  const macOf = (expires: string, filename: string) =>
    createHmac('sha256', secret).update(`${expires}/${filename}`).digest();

  const endOf = (signature: string, filename: string): number => {
    const [, expires, mac] = /^([0-9a-z]{1,9})\.([\w-]{43})$/.exec(signature) ?? [];
    if (expires === undefined || mac === undefined) return 0;
    const isOurs = timingSafeEqual(macOf(expires, filename), Buffer.from(mac, 'base64url'));
    return isOurs ? Number.parseInt(expires, 36) * 1000 : 0;
  };

  return {
    to(filename, seconds) {
      const now = Date.now() / 1000;
      const end =
        seconds === undefined
          ? Math.ceil((now + DEFAULT_LINK_SECONDS) / ROUNDED_TO_SECONDS) * ROUNDED_TO_SECONDS
          : Math.ceil(now + seconds);
      const expires = end.toString(36);
      const signature = `${expires}.${macOf(expires, filename).toString('base64url')}`;
      return {
        path: `/signed/${signature}/${encodeURIComponent(filename)}`,
        expiresAt: new Date(end * 1000),
      };
    },
    admits(signature, filename) {
      if (signature === undefined) return false;
      // A name has no slash.
      const link = `${signature}/${filename}`;
      let end = remembered.get(link);
      if (end === undefined) {
        end = endOf(signature, filename);
        if (end > 0) remembered.set(link, end);
      }
      return Date.now() < end;
    },
  };
}
