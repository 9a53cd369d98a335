/** Makes the entity tag of a track: of what clients can edit, and of nothing else. */
import { createHash } from 'node:crypto';
import type { Facts } from './facts.ts';

/**
 * Returns a strong entity tag (RFC 9110 section 8.8.3), with its quotes. It changes with the tags, chapters, metadata and the
 * cover of a track, and not with its status, its progress or its analysis: an edit of what a client has read is not refused
 * because the track was encoded meanwhile.
 */
export function editTagOf({ tags, chapters, metadata, cover }: Facts): string {
  const text = JSON.stringify({ tags, chapters, metadata, cover: cover?.hash ?? null }, inOrder);
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`;
}

/** Sorts the members of objects: a record that was read again may have them in another order. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}
