/** What nodes tell each other through PostgreSQL. A notification takes at most 8,000 bytes. */

/**
 * On `track`: a record has changed. Who knows another version takes the new one from the message, or reads it again where it does
 * not fit into one.
 */
export interface TrackNotice {
  filename: string;
  version: number;
  /** The record of a track that has changed, and its home. Neither with a track that was added or removed. */
  record?: unknown;
  home?: string;
  /** Node that has changed it. */
  node: string;
}

/** Returns the payload of a notification. */
export function notice<T>(value: T): string {
  return JSON.stringify(value);
}

/** Reads a payload that a node of this version, or of one beside it, has sent. */
export function parseNotice<T>(payload: string): T {
  return JSON.parse(payload) as T;
}
