/** Reads a form with one file in the field `file`. */
import type { Multipart, MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { AppError, errors } from '../../errors.ts';
import { FormBody } from './form-body.ts';
import { type ParserWatch, watchParser } from './parser-watch.ts';

/** Limits of the parser. A form may have a few other fields, which are ignored. */
export const FORM_LIMITS = {
  // Two, so that a second file is refused and not dropped silently.
  files: 2,
  fields: 20,
  fieldSize: 64 * 1024,
  parts: 22,
};

/** Most bytes of a form beside the content of its file: 1.25 MiB of fields, and bytes in buffers on the way. */
export const FORM_OVERHEAD_BYTES = 2 * 1024 ** 2;

export interface FormReading {
  boundary: string;
  maxFileBytes: number;
  /** Ends reading with its reason. */
  signal: AbortSignal;
  /** Gets the part that reading waits for from here on: parts of the form, content of the file, or null for the server. */
  onWait(what: 'form' | 'file' | null): void;
  /** Gets the bytes of the file that were used. */
  onFileBytes(bytes: number): void;
}

/** The file of a form. */
export interface FormFile {
  originalName: string;
  /** Can be read once, and must be read before `useFile` resolves. */
  content: AsyncIterable<Buffer>;
}

/**
 * Reads a form until the whole body has arrived.
 *
 * @param request must be multipart.
 * @param useFile is called once, with the file as it arrives.
 * @returns whether there was a file.
 * @throws {AppError} 400 for a broken form or a second file, 413 for a file that is too large, and the errors of `useFile`
 *   and of the signal.
 */
export async function readOneFile(
  request: FastifyRequest,
  reading: FormReading,
  useFile: (file: FormFile) => Promise<void>,
): Promise<boolean> {
  const form = openForm(request, reading);
  let files = 0;
  let isFound = false;
  try {
    for await (const part of form.parts()) {
      if (part.fieldname === undefined)
        throw errors.malformedMultipart(
          'A part of the form has no name. Name each part, and the file "file".',
        );
      if (part.type !== 'file') continue;
      if (++files > 1) throw errors.tooManyFiles();
      if (part.fieldname !== 'file') {
        part.file.resume();
        continue;
      }
      isFound = true;
      await useFile({ originalName: part.filename ?? '', content: form.contentOf(part) });
    }
    return isFound;
  } finally {
    form.close();
  }
}

interface OpenForm {
  parts(): AsyncGenerator<Multipart>;
  contentOf(part: MultipartFile): AsyncGenerator<Buffer>;
  /** Reads and drops the rest of the body, so that the client can read the response. */
  close(): void;
}

function openForm(request: FastifyRequest, reading: FormReading): OpenForm {
  const { signal, onWait } = reading;
  const { raw } = request;
  const body = new FormBody({ boundary: reading.boundary, overheadBytes: FORM_OVERHEAD_BYTES });
  const stalled = new AbortController();
  const ended = AbortSignal.any([signal, stalled.signal]);
  const watch = watchParser(body, () =>
    stalled.abort(errors.malformedMultipart('The form cannot be read to its end. Send it again.')),
  );

  const failed = new Promise<never>((_resolve, reject) => {
    body.on('error', reject);
    ended.addEventListener('abort', () => reject(ended.reason));
  });
  failed.catch(() => {});
  ended.addEventListener('abort', () => body.destroy(ended.reason));

  // The plugin reads the request itself, so it gets one with the checked body.
  const checked = Object.create(request, { raw: { value: body } }) as FastifyRequest;
  const parts = checked.parts();
  raw.pipe(body);

  return {
    async *parts() {
      for (;;) {
        onWait('form');
        const next = await Promise.race([fromParser(watch, parts.next()), failed]);
        onWait(null);
        if (next.done) return;
        yield next.value;
      }
    },
    async *contentOf({ file }) {
      const end = () => file.destroy(ended.reason);
      ended.addEventListener('abort', end);
      const chunks = file[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
      try {
        for (;;) {
          onWait('file');
          const next = await fromParser(watch, chunks.next());
          onWait(null);
          if (next.done) break;
          yield next.value;
          body.tookOfFile(next.value.length);
          reading.onFileBytes(next.value.length);
        }
      } finally {
        ended.removeEventListener('abort', end);
      }
      // Above its limit the parser ends a file without an error.
      if (file.truncated) throw errors.uploadTooLarge(reading.maxFileBytes);
    },
    close() {
      raw.unpipe(body);
      raw.resume();
      body.destroy();
    },
  };
}

/** Resolves with the next result of the parser. Its errors are errors of the form. */
async function fromParser<T>(watch: ParserWatch, step: Promise<T>): Promise<T> {
  try {
    return await watch.waitFor(step);
  } catch (error) {
    if (error instanceof AppError) throw error;
    const { code } = error as { code?: unknown };
    if (code === 'FST_FILES_LIMIT') throw errors.tooManyFiles();
    const hasTooMany = code === 'FST_FIELDS_LIMIT' || code === 'FST_PARTS_LIMIT';
    const detail = hasTooMany
      ? `The form has more than ${FORM_LIMITS.fields} fields beside its file.`
      : undefined;
    throw errors.malformedMultipart(detail, error);
  }
}
