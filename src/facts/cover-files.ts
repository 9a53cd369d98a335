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
const SALT_DIGITS = 8;
const FILE = new RegExp(
  `^cover-(([0-9a-f]{${HASH_DIGITS}})([0-9a-f]{${TIME_DIGITS}})[0-9a-f]{${SALT_DIGITS}})-\\d+\\.jpg$`,
);

/** A change that sets a cover. */
export interface CoverChange {
  /** Milliseconds since 1970. */
  madeAt: number;
  /** Eight hexadecimal digits that no other change has. */
  salt: string;
}

/** Of the cover that the file of a track has: it is made but once, and stands until a client changes it. */
const OF_FILE: CoverChange = { madeAt: 0, salt: '0'.repeat(SALT_DIGITS) };

/**
 * Returns a cover of these files: its hash is one of their bytes, and then tells its change. So no two changes share a file, and
 * what one removes is never what another has just stored.
 *
 * @param change by default that of the file itself.
 */
export function coverOf(files: CoverFiles, { madeAt, salt }: CoverChange = OF_FILE): Cover {
  const hash = createHash('sha256');
  for (const bytes of files.values()) hash.update(bytes);
  const time = madeAt.toString(16).padStart(TIME_DIGITS, '0');
  return { hash: hash.digest('hex').slice(0, HASH_DIGITS) + time + salt };
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
  const [, hash, , time] = FILE.exec(name) ?? [];
  if (hash === undefined || time === undefined) return undefined;
  return { cover: { hash }, madeAt: Number.parseInt(time, 16) };
}
