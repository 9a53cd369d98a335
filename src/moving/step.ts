/** Decides what becomes of a track that another library may have already. Pure. */
import { isDeepStrictEqual } from 'node:util';
import type { Held, InPlace } from '../library/importing.ts';
import type { Track } from '../tracks/track.ts';

/**
 * `add`: nothing stands in its place. `same`: the target has it. `replace`: the target has an earlier state of it. `own`: the target
 * has gone on with it by itself. `refuse`: something else stands in its place, as `reason` says.
 */
export type Step =
  | { kind: 'add' }
  | { kind: 'same'; there: Track }
  | { kind: 'own'; there: Track }
  | { kind: 'replace'; there: Track; held: Held }
  | { kind: 'refuse'; reason: string };

export function nextStep(track: Track, { byName, byContent }: InPlace): Step {
  if (!byName) return byContent ? refuse(sameBytes(byContent.filename)) : { kind: 'add' };
  if (byName.filename !== track.filename) return refuse(nameInOtherCase(byName.filename));
  if (byName.isLeaving) return refuse('a track of this name is being deleted at the target. Run this again');
  const there = byName.track;
  if (!there) return refuse('the target has a record of this name that cannot be read. Restore or remove it');
  if (there.source.sha256 !== track.source.sha256) return refuse(OTHER_BYTES);
  if (!isSameUpload(there, track)) return refuse(otherUpload(there));
  if (isSameRecord(there, track)) return { kind: 'same', there };
  const isFurther = there.status === 'ready' || track.status !== 'ready';
  if (isFurther && !byName.isAsImported) return { kind: 'own', there };
  return { kind: 'replace', there, held: byName };
}

/** Returns whether two records say the same. The home, which differs from library to library, is none of what they say. */
export function isSameRecord({ home: _, ...one }: Track, { home: __, ...other }: Track): boolean {
  return isDeepStrictEqual(one, other);
}

function isSameUpload(one: Track, other: Track): boolean {
  return one.uploadId === other.uploadId && one.uploadedAt === other.uploadedAt;
}

function refuse(reason: string): Step {
  return { kind: 'refuse', reason };
}

const OTHER_BYTES =
  'the target has a track of this name with other bytes. Delete one of the two, then run this again';

function sameBytes(filename: string): string {
  return `the target has the same bytes as ${JSON.stringify(filename)}. Delete one of the two, then run this again`;
}

function nameInOtherCase(filename: string): string {
  return `the target has ${JSON.stringify(filename)}, the same name to some file systems. Delete one of the two, then run this again`;
}

function otherUpload({ uploadedAt }: Track): string {
  return `the target has another upload of the same file, of ${uploadedAt}. Delete one of the two, then run this again`;
}
