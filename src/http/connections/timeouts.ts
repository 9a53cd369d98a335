/**
 * Timeouts for clients. They are not settings, for no honest client comes near them; tests shorten them. They do not limit
 * a response that is not available yet: `?wait=ready` may take hours.
 */
export interface ClientTimeouts {
  /** Milliseconds for the headers of a request, from the start of the connection or the first byte of the request. */
  headersMs: number;
  /** Milliseconds between two checks of the headers; a client may take that much longer. */
  headersCheckMs: number;
  /** Milliseconds for a body that is no upload. */
  bodyMs: number;
  /** Milliseconds for the rest of a body after its response. */
  leftoverMs: number;
  /** Milliseconds without progress after which a response that its client does not read is ended. */
  stalledAnswerMs: number;
  /** Milliseconds between two comments on an idle event stream. */
  heartbeatMs: number;
  /** Bytes of its file per second below which an upload counts as stalled. */
  uploadBytesPerSecond: number;
  /** Seconds for which an upload may stall while there are free places. */
  uploadIdleSeconds: number;
  /** Seconds for the parts of a form other than the content of its file. */
  uploadFormSeconds: number;
  /** Last seconds of an upload that are measured when another upload needs its place. */
  uploadRecentSeconds: number;
  /** Seconds for which a new upload keeps its place, however slow it is. */
  uploadGraceSeconds: number;
  /** Milliseconds for which `/readyz` reuses a check of the disk and of ffmpeg. */
  readinessMs: number;
}

export const CLIENT_TIMEOUTS: ClientTimeouts = {
  headersMs: 15_000,
  headersCheckMs: 5000,
  bodyMs: 10_000,
  leftoverMs: 30_000,
  stalledAnswerMs: 60_000,
  // Shorter than the idle timeout of proxies.
  heartbeatMs: 20_000,
  // A tenth of the speed of the slowest mobile networks.
  uploadBytesPerSecond: 1024,
  uploadIdleSeconds: 60,
  uploadFormSeconds: 10,
  uploadRecentSeconds: 10,
  uploadGraceSeconds: 2,
  readinessMs: 2000,
};
