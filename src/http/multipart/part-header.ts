/** Checks the header of one part of a form (RFC 7578 section 4.2). */
import { errors } from '../../errors.ts';

const FIELD = /^[!#$%&'*+\-.^`|~\w]+:/;
const DISPOSITION = /^content-disposition:/i;
const FORM_DATA = /^content-disposition:[ \t]*form-data[ \t]*(?:;|$)/i;

/**
 * Refuses a header that the parser would skip silently, after which it may wait forever (`skipPart` of @fastify/busboy
 * 3.2.6).
 *
 * @param header lines of the header, without the empty line at its end.
 * @throws {AppError} 400 `malformed_multipart` for a header that is malformed, or does not declare a form field.
 */
export function assertFormField(header: string): void {
  // A line that begins with a space continues the line before it (RFC 5322 section 2.2.3).
  const lines = header.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const areWellFormed = lines.every((line) => FIELD.test(line) && !/[\r\n]/.test(line));
  const dispositions = lines.filter((line) => DISPOSITION.test(line));
  if (!areWellFormed || dispositions.length !== 1 || !FORM_DATA.test(dispositions[0] ?? '')) {
    throw errors.malformedMultipart(
      'A part of the form does not declare its field. Its header needs a line such as Content-Disposition: form-data; name="file".',
    );
  }
}
