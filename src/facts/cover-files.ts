/** Names the files of covers. They are sidecars of their track, one for each size. Pure. */
import { createHash } from 'node:crypto';
import type { Cover } from '../tracks/facts.ts';

/** Longest sides in pixels. */
export const COVER_SIZES = [96, 320, 1000] as const;
export type CoverSize = (typeof COVER_SIZES)[number];
/** JPEGs by their size. */
export type CoverFiles = ReadonlyMap<CoverSize, Buffer>;

const HASH_DIGITS = 12;
const TIME_DIGITS = 12;
const FILE = new RegExp(`^cover-([0-9a-f]{${HASH_DIGITS}})([0-9a-f]{${TIME_DIGITS}})-\\d+\\.jpg$`);

/**
 * Returns a cover of these files: its hash is one of their bytes, followed by the time. No other change makes one of the same
 * name, so that what is removed late never is a cover that came back.
 *
 * @param madeAt milliseconds since 1970; 0 for the cover of the file itself, which is made but once.
 */
export function coverOf(files: CoverFiles, madeAt: number): Cover {
  const hash = createHash('sha256');
  for (const bytes of files.values()) hash.update(bytes);
  const time = madeAt.toString(16).padStart(TIME_DIGITS, '0');
  return { hash: hash.digest('hex').slice(0, HASH_DIGITS) + time };
}

/** Returns whether two covers have the same bytes. */
export function areSamePictures(one: Cover | null, other: Cover | null): boolean {
  return one?.hash.slice(0, HASH_DIGITS) === other?.hash.slice(0, HASH_DIGITS);
}

/** Returns the name of the sidecar of a size. */
export function coverFileName({ hash }: Cover, size: CoverSize): string {
  return `cover-${hash}-${size}.jpg`;
}

/** Returns the cover that a sidecar belongs to, and when it was made; undefined for other sidecars. */
export function coverOfFile(name: string): { cover: Cover; madeAt: number } | undefined {
  const [, hash, time] = FILE.exec(name) ?? [];
  if (hash === undefined || time === undefined) return undefined;
  return { cover: { hash: hash + time }, madeAt: Number.parseInt(time, 16) };
}
