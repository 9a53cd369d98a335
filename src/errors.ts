/**
 * What can go wrong, in one place. An error has two faces: the machine code, status and sentence that the client
 * sees, and the cause that only the log sees.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  /** Stable machine-readable code; part of the API. */
  readonly code: string;
  /** HTTP status that the front door answers with. */
  readonly status: number;
  /** Extra members of the problem document (RFC 9457 section 3.2). */
  readonly extensions: Record<string, unknown>;
  readonly retryAfterSeconds: number | undefined;

  constructor(problem: AppProblem, options: { cause?: unknown } = {}) {
    super(problem.detail, options);
    this.code = problem.code;
    this.status = problem.status;
    this.extensions = problem.extensions ?? {};
    this.retryAfterSeconds = problem.retryAfterSeconds;
  }
}

interface AppProblem {
  code: string;
  status: number;
  /** A sentence for the person at the other end: what happened, to what, and what to do. */
  detail: string;
  extensions?: Record<string, unknown>;
  retryAfterSeconds?: number;
}

/** The catalogue. Each entry makes the error to throw. */
export const errors = {
  notMultipart: () =>
    new AppError({
      code: 'not_multipart',
      status: 400,
      detail:
        'Send the file as multipart/form-data in a field named "file", as `curl -F file=@song.mp3` does.',
    }),
  malformedMultipart: (cause?: unknown) =>
    new AppError(
      {
        code: 'malformed_multipart',
        status: 400,
        detail: 'The multipart body is broken or ends too early. Send it again.',
      },
      { cause },
    ),
  noFile: () =>
    new AppError({
      code: 'no_file',
      status: 400,
      detail: 'The form has no file in a field named "file".',
    }),
  tooManyFiles: () =>
    new AppError({
      code: 'too_many_files',
      status: 400,
      detail: 'Send one file per request; nothing of this request was kept.',
    }),
  emptyFile: (originalName: string) =>
    new AppError({ code: 'empty_file', status: 400, detail: `"${originalName}" is empty.` }),
  invalidQuery: (detail: string) => new AppError({ code: 'invalid_query', status: 400, detail }),

  routeNotFound: () =>
    new AppError({ code: 'route_not_found', status: 404, detail: 'There is nothing at this address.' }),
  trackNotFound: (filename: string) =>
    new AppError({ code: 'track_not_found', status: 404, detail: `There is no track named "${filename}".` }),
  segmentNotFound: (filename: string, segmentName: string) =>
    new AppError({
      code: 'segment_not_found',
      status: 404,
      detail: `"${filename}" has no segment named "${segmentName}".`,
    }),
  renditionNotFound: (filename: string, rendition: string) =>
    new AppError({
      code: 'rendition_not_found',
      status: 404,
      detail: `"${filename}" has no rendition "${rendition}"; its master.m3u8 names those that it has.`,
    }),
  manifestNotReady: (filename: string) =>
    new AppError({
      code: 'manifest_not_ready',
      status: 404,
      detail: `"${filename}" cannot be played yet: its manifestUrl is null until it can.`,
    }),
  methodNotAllowed: (allowed: string) =>
    new AppError({
      code: 'method_not_allowed',
      status: 405,
      detail: `This address answers ${allowed} only.`,
    }),
  notFailed: (filename: string, status: string) =>
    new AppError({
      code: 'not_failed',
      status: 409,
      detail: `"${filename}" is ${status}; only a failed track can be retried.`,
    }),
  trackDeleted: (filename: string) =>
    new AppError({
      code: 'track_deleted',
      status: 410,
      detail: `"${filename}" was deleted while it was being processed.`,
    }),
  /** Nobody is there to read it; for the log only. */
  clientClosed: () =>
    new AppError({ code: 'client_closed', status: 499, detail: 'The client closed the connection.' }),
  uploadTooSlow: () =>
    new AppError({
      code: 'upload_too_slow',
      status: 408,
      detail: 'The upload did not go on, or hardly. Nothing of it was kept; send it again.',
    }),
  uploadTooLarge: (limitBytes: number) =>
    new AppError({
      code: 'upload_too_large',
      status: 413,
      detail: `The file is larger than the ${limitBytes} bytes that this server accepts (MAX_UPLOAD_BYTES).`,
      extensions: { limitBytes },
    }),
  unsupportedMedia: (reason: string, cause?: unknown) =>
    new AppError({ code: 'unsupported_media', status: 415, detail: reason }, { cause }),
  processingFailed: (filename: string, reason: string) =>
    new AppError({
      code: 'processing_failed',
      status: 422,
      detail: `"${filename}" could not be processed: ${reason} It is kept: POST /files/${encodeURIComponent(filename)}/retry tries again, DELETE removes it.`,
      extensions: { filename },
    }),

  tooManyUploads: (limit: number) =>
    new AppError({
      code: 'too_many_uploads',
      status: 503,
      detail: `${limit} uploads are being received already (MAX_UPLOADS). Try again in a moment.`,
      retryAfterSeconds: 5,
    }),
  tooBusy: (waiting: number) =>
    new AppError({
      code: 'too_busy',
      status: 503,
      detail: `${waiting} files are waiting to be processed already. Try again later.`,
      retryAfterSeconds: 30,
    }),
  shuttingDown: () =>
    new AppError({
      code: 'shutting_down',
      status: 503,
      detail: 'The server is stopping. Try again in a moment.',
      retryAfterSeconds: 5,
    }),
  segmentNotYet: (segmentName: string) =>
    new AppError({
      code: 'segment_not_yet',
      status: 503,
      detail: `"${segmentName}" is not encoded yet. Ask again.`,
      retryAfterSeconds: 1,
    }),
  tooLittleRoom: (minFreeBytes: number) =>
    new AppError({
      code: 'storage_full',
      status: 507,
      detail: `There is too little room on the disk: ${minFreeBytes} bytes of it are kept free (MIN_FREE_BYTES). Nothing of this upload was kept.`,
    }),
  storageFull: (cause: unknown) =>
    new AppError(
      {
        code: 'storage_full',
        status: 507,
        detail: 'The disk is full; nothing of this upload was kept.',
      },
      { cause },
    ),
  storageUnavailable: (cause: unknown) =>
    new AppError(
      {
        code: 'storage_unavailable',
        status: 503,
        detail: 'The file could not be stored: /readyz and the log of the server say why. Try again later.',
        retryAfterSeconds: 30,
      },
      { cause },
    ),
  probeUnavailable: (cause: unknown) =>
    new AppError(
      {
        code: 'probe_unavailable',
        status: 503,
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
