/** Every error code with its HTTP status. Codes are part of the API; docs/api.md says what to do about each. */
export const ERROR_STATUS = {
  bad_request: 400,
  empty_file: 400,
  invalid_body: 400,
  invalid_query: 400,
  malformed_multipart: 400,
  no_file: 400,
  not_multipart: 400,
  too_many_files: 400,
  unauthorized: 401,
  cross_origin: 403,
  link_invalid: 403,
  analysis_pending: 404,
  cover_not_found: 404,
  manifest_not_ready: 404,
  not_analysed: 404,
  rendition_not_found: 404,
  route_not_found: 404,
  segment_not_found: 404,
  track_not_found: 404,
  method_not_allowed: 405,
  request_too_slow: 408,
  upload_too_slow: 408,
  analysis_off: 409,
  not_failed: 409,
  not_ready: 409,
  track_deleted: 410,
  precondition_failed: 412,
  upload_too_large: 413,
  unsupported_media: 415,
  unknown_host: 421,
  processing_failed: 422,
  rate_limited: 429,
  client_closed: 499,
  internal: 500,
  probe_unavailable: 503,
  segment_not_yet: 503,
  shutting_down: 503,
  storage_unavailable: 503,
  too_busy: 503,
  too_many_uploads: 503,
  storage_full: 507,
} as const;
export type ErrorCode = keyof typeof ERROR_STATUS;

/**
 * An error with two faces: the code, status and sentence that the client sees, and the cause that only the log sees.
 * The catalogue below makes all of them.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  /** Stable code for programs; part of the API. */
  readonly code: ErrorCode;
  /** HTTP status of the response. */
  readonly status: number;
  /** Extra members of the problem document (RFC 9457 section 3.2). */
  readonly extensions: Record<string, unknown>;
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: AppProblem, options: { cause?: unknown } = {}) {
    super(problem.detail, options);
    this.code = problem.code;
    this.status = problem.status ?? ERROR_STATUS[problem.code];
    this.extensions = problem.extensions ?? {};
    this.retryAfterSeconds = problem.retryAfterSeconds;
  }
}

/**
 * 415, because ffmpeg or ffprobe failed on the file. The same happens when the tools themselves do not work: test them before
 * blaming the file.
 */
export class UnreadableMediaError extends AppError {}

interface AppProblem {
  code: ErrorCode;
  /** HTTP status, if it differs from that of the code. */
  status?: number;
  /** Sentence for people: what happened, to which file or setting, and what to do. */
  detail: string;
  extensions?: Record<string, unknown>;
  retryAfterSeconds?: number;
}

/** An error in one field of a request (as in RFC 9457 section 3): a query parameter, or a place in the body. */
export interface FieldError {
  /** Name of the query parameter. */
  parameter?: string;
  /** Place in the body: JSON Pointer as a URI fragment (RFC 6901 section 6). */
  pointer?: string;
  detail: string;
}
