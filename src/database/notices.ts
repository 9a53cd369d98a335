/** What nodes tell each other through PostgreSQL. A notification takes at most 8,000 bytes. */

/** On `track`: a record has changed. Everybody reads it again, unless it is known in this version already. */
export interface TrackNotice {
  filename: string;
  version: number;
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
