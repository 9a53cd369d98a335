/**
 * Keys of objects: `originals/<upload>`, `segments/<home>/<segment name>`, `manifests/<home>.mpd`,
 * `sidecars/<home>/<name>`; and their headers.
 */
import { isSafeName } from '../disk/safe-join.ts';
import { copyName, originalName } from './upload-name.ts';

export const ORIGINALS = 'originals/';
export const SEGMENTS = 'segments/';
export const MANIFESTS = 'manifests/';
export const SIDECARS = 'sidecars/';
export const MANIFEST_SUFFIX = '.mpd';
/** Headers for players that read the bucket: those that the service sends. */
export const SEGMENT_HEADERS = {
  ContentType: 'audio/mp4',
  CacheControl: 'public, max-age=31536000, immutable',
};
export const MANIFEST_HEADERS = { ContentType: 'application/dash+xml', CacheControl: 'no-cache' };
/** Bytes of a name. S3 allows keys of 1,024 bytes, and servers differ in what they answer to longer ones. */
const MAX_NAME_BYTES = 400;

export const originalKey = (upload: string) => ORIGINALS + originalName(upload);
export const copyKey = (upload: string) => ORIGINALS + copyName(upload);

/** @throws {Error} for what is no name of a home: it would reach keys of other homes. */
export const homePrefix = (home: string) => `${SEGMENTS}${safeName(home)}/`;
export const segmentKey = (home: string, name: string) => homePrefix(home) + safeName(name);
export const sidecarPrefix = (home: string) => `${SIDECARS}${safeName(home)}/`;
export const sidecarKey = (home: string, name: string) => sidecarPrefix(home) + safeName(name);
export const manifestKey = (home: string) => MANIFESTS + safeName(home) + MANIFEST_SUFFIX;

function safeName(name: string): string {
  if (!isSafeName(name) || Buffer.byteLength(name) > MAX_NAME_BYTES) {
    throw new Error(`"${name}" is no name of a segment, of a sidecar or of their home`);
  }
  return name;
}
