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
  manifest_not_ready: 404,
  rendition_not_found: 404,
  route_not_found: 404,
  segment_not_found: 404,
  track_not_found: 404,
  method_not_allowed: 405,
  request_too_slow: 408,
  upload_too_slow: 408,
  not_failed: 409,
  track_deleted: 410,
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

const sentenceOf = (fields: readonly FieldError[]) => `${fields.map(({ detail }) => detail).join('; ')}.`;

/** The error catalogue. Each entry makes the error to throw. */
export const errors = {
  notMultipart: () =>
    new AppError({
      code: 'not_multipart',
      detail:
        'Send the file as multipart/form-data in a field named "file", as `curl -F file=@song.mp3` does.',
    }),
  malformedMultipart: (detail = 'The multipart body is broken. Send it again.', cause?: unknown) =>
    new AppError({ code: 'malformed_multipart', detail }, { cause }),
  formTooLarge: (limitBytes: number) =>
    new AppError({
      code: 'malformed_multipart',
      detail: `The form has more than ${limitBytes} bytes beside its file. Send one file in a field named "file" and nothing else.`,
    }),
  noFile: () =>
    new AppError({
      code: 'no_file',
      detail: 'The form has no file in a field named "file". Send one, as `curl -F file=@song.mp3` does.',
    }),
  tooManyFiles: () =>
    new AppError({
      code: 'too_many_files',
      detail: 'The form has more than one file. Send one file per request; nothing of this request was kept.',
    }),
  emptyFile: (originalName: string) =>
    new AppError({ code: 'empty_file', detail: `"${originalName}" is empty. Send a file with audio.` }),
  invalidQuery: (fields: readonly FieldError[]) =>
    new AppError({ code: 'invalid_query', detail: sentenceOf(fields), extensions: { errors: fields } }),
  invalidBody: (fields: readonly FieldError[]) =>
    new AppError({ code: 'invalid_body', detail: sentenceOf(fields), extensions: { errors: fields } }),

  bodyTooLarge: (limitBytes: number) =>
    new AppError({
      code: 'bad_request',
      status: 413,
      detail: `The request body has more than the ${limitBytes} bytes that this address accepts.`,
    }),
  requestTooSlow: () =>
    new AppError({ code: 'request_too_slow', detail: 'The request did not arrive in time. Send it again.' }),

  unauthorized: () =>
    new AppError({
      code: 'unauthorized',
      detail: 'Send one of the API keys of the server (API_KEYS) as "Authorization: Bearer <key>".',
    }),
  crossOrigin: () =>
    new AppError({
      code: 'cross_origin',
      detail:
        'A page of another site must not change anything here. If the page is yours, set PUBLIC_URL to its address.',
    }),
  unknownHost: (host: string) =>
    new AppError({
      code: 'unknown_host',
      detail: `Without API keys this server answers only to its own host names, and "${host}" is not one of them. Set PUBLIC_URL to the address that clients use, or set API_KEYS.`,
    }),
  /** Gives no reason, so that a client that guesses links learns nothing about the tracks. */
  linkInvalid: () =>
    new AppError({ code: 'link_invalid', detail: 'This link is invalid or has expired. Ask for a new one.' }),
  rateLimited: (retryAfterSeconds: number) =>
    new AppError({
      code: 'rate_limited',
      detail: `Too many requests from your address. Try again in ${retryAfterSeconds} s.`,
      retryAfterSeconds,
    }),

  routeNotFound: () => new AppError({ code: 'route_not_found', detail: 'There is nothing at this address.' }),
  trackNotFound: (filename: string) =>
    new AppError({ code: 'track_not_found', detail: `There is no track named "${filename}".` }),
  segmentNotFound: (filename: string, segmentName: string) =>
    new AppError({
      code: 'segment_not_found',
      detail: `"${filename}" has no segment named "${segmentName}". Its manifest lists its segments.`,
    }),
  renditionNotFound: (filename: string, rendition: string) =>
    new AppError({
      code: 'rendition_not_found',
      detail: `"${filename}" has no rendition "${rendition}". Its master.m3u8 lists its renditions.`,
    }),
  manifestNotReady: (filename: string) =>
    new AppError({
      code: 'manifest_not_ready',
      detail: `"${filename}" cannot be played yet. Try again once its manifestUrl is not null.`,
    }),
  methodNotAllowed: (allowed: string) =>
    new AppError({
      code: 'method_not_allowed',
      detail: `This address accepts only ${allowed}.`,
    }),
  notFailed: (filename: string, status: string) =>
    new AppError({
      code: 'not_failed',
      detail: `"${filename}" is ${status}. Only a failed track can be retried.`,
    }),
  trackDeleted: (filename: string) =>
    new AppError({
      code: 'track_deleted',
      detail: `"${filename}" was deleted while it was being processed. Upload it again if it should be kept.`,
    }),
  /** For the log only: the client is gone. */
  clientClosed: () => new AppError({ code: 'client_closed', detail: 'The client closed the connection.' }),
  uploadTooSlow: () =>
    new AppError({
      code: 'upload_too_slow',
      detail: 'The upload stalled or was too slow. Nothing of it was kept; send it again.',
    }),
  uploadTooLarge: (limitBytes: number) =>
    new AppError({
      code: 'upload_too_large',
      detail: `The file is larger than the ${limitBytes} bytes that this server accepts (MAX_UPLOAD_BYTES).`,
      extensions: { limitBytes },
    }),
  unsupportedMedia: (reason: string) => new AppError({ code: 'unsupported_media', detail: reason }),
  unreadableMedia: (reason: string, cause: unknown) =>
    new UnreadableMediaError({ code: 'unsupported_media', detail: reason }, { cause }),
  processingFailed: (filename: string, reason: string) =>
    new AppError({
      code: 'processing_failed',
      detail: `"${filename}" could not be processed: ${reason} The upload is kept: POST /files/${encodeURIComponent(filename)}/retry tries again, DELETE removes it.`,
      extensions: { filename },
    }),

  tooManyUploads: (limit: number) =>
    new AppError({
      code: 'too_many_uploads',
      detail: `The server is receiving ${limit} uploads already (MAX_UPLOADS). Try again in a moment.`,
      retryAfterSeconds: 5,
    }),
  uploadDisplaced: () =>
    new AppError({
      code: 'too_many_uploads',
      detail:
        'This upload made room for another client, for you had the most uploads at the same time. Nothing of it was kept. Send it again, with fewer at a time.',
      retryAfterSeconds: 5,
    }),
  tooBusy: (waiting: number) =>
    new AppError({
      code: 'too_busy',
      detail: `${waiting} tracks wait to be processed already (MAX_WAITING). Try again later.`,
      retryAfterSeconds: 30,
    }),
  tooManyLists: () =>
    new AppError({
      code: 'too_busy',
      detail:
        'The server is sending too many long lists already, to you or in total. Ask for pages (limit=100), or try again in a moment.',
      retryAfterSeconds: 5,
    }),
  tooManyEventStreams: () =>
    new AppError({
      code: 'too_busy',
      detail:
        'Too many event streams are open already, from you or in total. Close some, or try again later.',
      retryAfterSeconds: 30,
    }),
  shuttingDown: () =>
    new AppError({
      code: 'shutting_down',
      detail: 'The server is stopping. Try again in a moment.',
      retryAfterSeconds: 5,
    }),
  segmentNotYet: (segmentName: string) =>
    new AppError({
      code: 'segment_not_yet',
      detail: `"${segmentName}" is not encoded yet. Try again.`,
      retryAfterSeconds: 1,
    }),
  tooLittleRoom: (minFreeBytes: number) =>
    new AppError({
      code: 'storage_full',
      detail: `The disk has too little room: ${minFreeBytes} bytes of it stay free (MIN_FREE_BYTES). Nothing of this upload was kept. Delete tracks, or try again later.`,
    }),
  storageFull: (cause: unknown) =>
    new AppError(
      {
        code: 'storage_full',
        detail: 'The disk is full. Nothing of this upload was kept. Delete tracks, or try again later.',
      },
      { cause },
    ),
  storageUnavailable: (cause: unknown) =>
    new AppError(
      {
        code: 'storage_unavailable',
        detail:
          'The file could not be stored. The reason is in /readyz and in the log of the server. Try again later.',
        retryAfterSeconds: 30,
      },
      { cause },
    ),
  probeUnavailable: (cause: unknown) =>
    new AppError(
      {
        code: 'probe_unavailable',
        detail: 'The file could not be examined just now. Nothing of it was kept. Try again in a moment.',
        retryAfterSeconds: 30,
      },
      { cause },
    ),
} as const;

/** Ends the start of the server. Its message is for the operator and is printed without a stack. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** Returns true for an error of a system call with one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
