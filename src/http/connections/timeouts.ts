/**
 * How long the server waits for clients. These are no settings: they are far from what any honest client needs, and
 * tests shorten them. An answer that is not there yet is not limited here: `?wait=ready` may take hours.
 */
export interface ClientTimeouts {
  /** Milliseconds for the header section of a request, from the opening of the connection or its first byte on. */
  headersMs: number;
  /** Milliseconds between two looks at that; a client may take that much longer. */
  headersCheckMs: number;
  /** Milliseconds for a body that is no upload, until its request is answered. */
  bodyMs: number;
  /** Milliseconds for what is left of a body once its request is answered. */
  leftoverMs: number;
  /** Milliseconds in which a client that is being answered takes nothing at all. */
  stalledAnswerMs: number;
  /** Milliseconds between two comments on an event stream that has nothing to tell. */
  heartbeatMs: number;
  /** Bytes of its file per second below which an upload counts as not moving. */
  uploadBytesPerSecond: number;
  /** Seconds in which an upload may be slower than that while there is room for others. */
  uploadIdleSeconds: number;
  /** Seconds in which all of a form has to come that is not content of its file. */
  uploadFormSeconds: number;
  /** The last seconds of an upload that count when another one wants its place. */
  uploadRecentSeconds: number;
  /** Seconds in which an upload keeps its place, however slow it is. */
  uploadGraceSeconds: number;
  /** Milliseconds for which a look at the disk and at ffmpeg answers `/readyz`. */
  readinessMs: number;
}

export const CLIENT_TIMEOUTS: ClientTimeouts = {
  headersMs: 15_000,
  headersCheckMs: 5000,
  bodyMs: 10_000,
  leftoverMs: 30_000,
  stalledAnswerMs: 60_000,
  // Shorter than what proxies take for a dead connection.
  heartbeatMs: 20_000,
  // A tenth of what the slowest mobile networks carry.
  uploadBytesPerSecond: 1024,
  uploadIdleSeconds: 60,
  uploadFormSeconds: 10,
  uploadRecentSeconds: 10,
  uploadGraceSeconds: 2,
  readinessMs: 2000,
};
