/** The error catalogue, and the errors that are not for clients. */
import { AppError, type FieldError, UnreadableMediaError } from './app-error.ts';

export {
  AppError,
  ERROR_STATUS,
  type ErrorCode,
  type FieldError,
  UnreadableMediaError,
} from './app-error.ts';

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

  preconditionFailed: () =>
    new AppError({
      code: 'precondition_failed',
      detail:
        'The track was edited since the ETag that "If-Match" names. Get it again, and repeat the edit with its new ETag.',
    }),
  unsupportedPatch: (accepted: string) =>
    new AppError({
      code: 'unsupported_media',
      detail: `Send the changes as JSON, with one of these in Content-Type: ${accepted}.`,
    }),
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
  coverNotFound: (filename: string) =>
    new AppError({
      code: 'cover_not_found',
      detail: `"${filename}" has no cover. PUT /files/${encodeURIComponent(filename)}/cover gives it one.`,
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
  analysisPending: (filename: string) =>
    new AppError({
      code: 'analysis_pending',
      detail: `"${filename}" is not analysed yet. Try again once its analysis is "done".`,
    }),
  notAnalysed: (filename: string) =>
    new AppError({
      code: 'not_analysed',
      detail: `"${filename}" has no waveform and no pauses: it was uploaded to an older version, or could not be analysed. "npm run analyze" analyses such tracks.`,
    }),
  methodNotAllowed: (allowed: string) =>
    new AppError({
      code: 'method_not_allowed',
      detail: `This address accepts only ${allowed}.`,
    }),
  analysisOff: () =>
    new AppError({
      code: 'analysis_off',
      detail: 'This server analyses no tracks (ANALYSIS=false). Set ANALYSIS to true and start it again.',
    }),
  notReady: (filename: string, status: string) =>
    new AppError({
      code: 'not_ready',
      detail: `"${filename}" is ${status}. Only tracks that are "ready" can be analysed.`,
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
  tooManyCovers: () =>
    new AppError({
      code: 'too_busy',
      detail: 'The server is taking on too many covers already, from you or in total. Try again in a moment.',
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
          'The storage of the server could not be used just now. The reason is in /readyz and in the log of the server. Try again in a moment.',
        retryAfterSeconds: 5,
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

/** 503, because the database broke off at the end of a change: the change may have happened, or may not. */
export class UnknownOutcomeError extends AppError {
  constructor(cause: unknown) {
    super(
      {
        code: 'storage_unavailable',
        detail:
          'The database broke off before it said whether this was stored. Look whether it was, and try again.',
        retryAfterSeconds: 5,
      },
      { cause },
    );
  }
}

/** Ends the start of the server. Its message is for the operator and is printed without a stack. */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** Returns true for an error of a system call with one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): error is NodeJS.ErrnoException {
  return error instanceof Error && codes.includes((error as NodeJS.ErrnoException).code ?? '');
}
