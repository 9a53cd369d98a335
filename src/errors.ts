/** Every code, with the HTTP status that it comes with. Codes are part of the API: docs/api.md tells what to do about each. */
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
 * What can go wrong, in one place. An error has two faces: the machine code, status and sentence that the client
 * sees, and the cause that only the log sees.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  /** Stable machine-readable code; part of the API. */
  readonly code: ErrorCode;
  /** HTTP status that the front door answers with. */
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

interface AppProblem {
  code: ErrorCode;
  /** Where it is not the one that the code comes with. */
  status?: number;
  /** A sentence for the person at the other end: what happened, to what, and what to do. */
  detail: string;
  extensions?: Record<string, unknown>;
  retryAfterSeconds?: number;
}

/** What is wrong with one field of a request (as in RFC 9457, section 3): a parameter of the query, or a place in the body. */
export interface Fault {
  parameter?: string;
  /** JSON Pointer as a URI fragment (RFC 6901 section 6). */
  pointer?: string;
  detail: string;
}

const sentenceOf = (faults: readonly Fault[]) => `${faults.map(({ detail }) => detail).join('; ')}.`;

/** The catalogue. Each entry makes the error to throw. */
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
      detail: `The form has more than ${limitBytes} bytes beside one file in a field named "file".`,
    }),
  noFile: () =>
    new AppError({
      code: 'no_file',
      detail: 'The form has no file in a field named "file".',
    }),
  tooManyFiles: () =>
    new AppError({
      code: 'too_many_files',
      detail: 'Send one file per request; nothing of this request was kept.',
    }),
  emptyFile: (originalName: string) =>
    new AppError({ code: 'empty_file', detail: `"${originalName}" is empty.` }),
  invalidQuery: (faults: readonly Fault[]) =>
    new AppError({ code: 'invalid_query', detail: sentenceOf(faults), extensions: { errors: faults } }),
  invalidBody: (faults: readonly Fault[]) =>
    new AppError({ code: 'invalid_body', detail: sentenceOf(faults), extensions: { errors: faults } }),

  bodyTooLarge: (limitBytes: number) =>
    new AppError({
      code: 'bad_request',
      status: 413,
      detail: `The body may have ${limitBytes} bytes, and has more.`,
    }),
  requestTooSlow: () =>
    new AppError({ code: 'request_too_slow', detail: 'The request did not arrive in time.' }),

  unauthorized: () =>
    new AppError({
      code: 'unauthorized',
      detail: 'This takes one of the keys of the server (API_KEYS), as "Authorization: Bearer <key>".',
    }),
  crossOrigin: () =>
    new AppError({
      code: 'cross_origin',
      detail:
        'A page of another site may not change anything here. Where it is a page of yours, set PUBLIC_URL to the address that it has.',
    }),
  unknownHost: (host: string) =>
    new AppError({
      code: 'unknown_host',
      detail: `Without keys this server answers to its own names only, and "${host}" is none of them. Set PUBLIC_URL to the address under which clients find it, or API_KEYS.`,
    }),
  /** It says no more: whoever tries links learns nothing of what is there. */
  linkInvalid: () =>
    new AppError({ code: 'link_invalid', detail: 'This address is not valid, or not any more.' }),
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
      detail: `"${filename}" has no segment named "${segmentName}".`,
    }),
  renditionNotFound: (filename: string, rendition: string) =>
    new AppError({
      code: 'rendition_not_found',
      detail: `"${filename}" has no rendition "${rendition}"; its master.m3u8 names those that it has.`,
    }),
  manifestNotReady: (filename: string) =>
    new AppError({
      code: 'manifest_not_ready',
      detail: `"${filename}" cannot be played yet: its manifestUrl is null until it can.`,
    }),
  methodNotAllowed: (allowed: string) =>
    new AppError({
      code: 'method_not_allowed',
      detail: `This address answers ${allowed} only.`,
    }),
  notFailed: (filename: string, status: string) =>
    new AppError({
      code: 'not_failed',
      detail: `"${filename}" is ${status}; only a failed track can be retried.`,
    }),
  trackDeleted: (filename: string) =>
    new AppError({
      code: 'track_deleted',
      detail: `"${filename}" was deleted while it was being processed.`,
    }),
  /** Nobody is there to read it; for the log only. */
  clientClosed: () => new AppError({ code: 'client_closed', detail: 'The client closed the connection.' }),
  uploadTooSlow: () =>
    new AppError({
      code: 'upload_too_slow',
      detail: 'The upload did not go on, or hardly. Nothing of it was kept; send it again.',
    }),
  uploadTooLarge: (limitBytes: number) =>
    new AppError({
      code: 'upload_too_large',
      detail: `The file is larger than the ${limitBytes} bytes that this server accepts (MAX_UPLOAD_BYTES).`,
      extensions: { limitBytes },
    }),
  unsupportedMedia: (reason: string, cause?: unknown) =>
    new AppError({ code: 'unsupported_media', detail: reason }, { cause }),
  processingFailed: (filename: string, reason: string) =>
    new AppError({
      code: 'processing_failed',
      detail: `"${filename}" could not be processed: ${reason} It is kept: POST /files/${encodeURIComponent(filename)}/retry tries again, DELETE removes it.`,
      extensions: { filename },
    }),

  tooManyUploads: (limit: number) =>
    new AppError({
      code: 'too_many_uploads',
      detail: `${limit} uploads are being received already (MAX_UPLOADS). Try again in a moment.`,
      retryAfterSeconds: 5,
    }),
  uploadDisplaced: () =>
    new AppError({
      code: 'too_many_uploads',
      detail:
        'This upload gave way to that of another client, for you had the most at the same time. Nothing of it was kept. Send it again, with fewer at a time.',
      retryAfterSeconds: 5,
    }),
  tooBusy: (waiting: number) =>
    new AppError({
      code: 'too_busy',
      detail: `${waiting} files are waiting to be processed already. Try again later.`,
      retryAfterSeconds: 30,
    }),
  tooManyLists: () =>
    new AppError({
      code: 'too_busy',
      detail:
        'Too many long lists are being sent already, to you or in all. Ask for pages (limit=100), or try again in a moment.',
      retryAfterSeconds: 5,
    }),
  tooManyEventStreams: () =>
    new AppError({
      code: 'too_busy',
      detail: 'Too many event streams are open already, yours or in all. Close some, or try again later.',
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
      detail: `"${segmentName}" is not encoded yet. Ask again.`,
      retryAfterSeconds: 1,
    }),
  tooLittleRoom: (minFreeBytes: number) =>
    new AppError({
      code: 'storage_full',
      detail: `There is too little room on the disk: ${minFreeBytes} bytes of it are kept free (MIN_FREE_BYTES). Nothing of this upload was kept.`,
    }),
  storageFull: (cause: unknown) =>
    new AppError(
      {
        code: 'storage_full',
        detail: 'The disk is full; nothing of this upload was kept.',
      },
      { cause },
    ),
  storageUnavailable: (cause: unknown) =>
    new AppError(
      {
        code: 'storage_unavailable',
        detail: 'The file could not be stored: /readyz and the log of the server say why. Try again later.',
        retryAfterSeconds: 30,
      },
      { cause },
    ),
  probeUnavailable: (cause: unknown) =>
    new AppError(
      {
        code: 'probe_unavailable',
        detail: 'The file could not be examined just now; nothing of it was kept. Try again in a moment.',
        retryAfterSeconds: 30,
      },
      { cause },
    ),
} as const;

/** The server cannot start: the message is the whole story and is printed as it is, without a stack. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** True for an error that a system call reported with this code, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
