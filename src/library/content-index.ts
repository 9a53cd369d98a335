/** Finds file names by the SHA-256 of their content. Pure. */
import type { Track } from '../tracks/track.ts';

export interface ContentIndex {
  /** Returns the name of a track with these bytes, the same one until it is removed. */
  get(sha256: string): string | undefined;
  add(track: Track): void;
  remove(track: Track): void;
}

/** Creates an index. Copied folders may hold equal bytes under several names. */
export function createContentIndex(): ContentIndex {
  const first = new Map<string, string>();
  /** Names beyond the first, of the few contents that have more than one. */
  const others = new Map<string, string[]>();
  return {
    get: (sha256) => first.get(sha256),
    add({ filename, source: { sha256 } }) {
      if (first.has(sha256)) others.set(sha256, [...(others.get(sha256) ?? []), filename]);
      else first.set(sha256, filename);
    },
    remove({ filename, source: { sha256 } }) {
      const left = [first.get(sha256), ...(others.get(sha256) ?? [])].filter((name) => name !== filename);
      const [next, ...rest] = left;
      if (next === undefined) first.delete(sha256);
      else first.set(sha256, next);
      if (rest.length > 0) others.set(sha256, rest as string[]);
      else others.delete(sha256);
    },
  };
}
