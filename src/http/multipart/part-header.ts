/** The header of one part of a form (RFC 7578 section 4.2). */
import { errors } from '../../errors.ts';

const FIELD = /^[!#$%&'*+\-.^`|~\w]+:/;
const DISPOSITION = /^content-disposition:/i;
const FORM_DATA = /^content-disposition:[ \t]*form-data[ \t]*(?:;|$)/i;

/**
 * Looks for what the parser behind would pass over without a word, and may wait for ever after
 * (`skipPart` of @fastify/busboy 3.2.6).
 *
 * @param header the lines of the header, without the empty one that ends it.
 * @throws {AppError} 400 `malformed_multipart` for a header that is not well formed, or does not say that the part is a field.
 */
export function assertFormField(header: string): void {
  // A line that begins with a space goes on with the one before (RFC 5322 section 2.2.3).
  const lines = header.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const areWellFormed = lines.every((line) => FIELD.test(line) && !/[\r\n]/.test(line));
  const dispositions = lines.filter((line) => DISPOSITION.test(line));
  if (!areWellFormed || dispositions.length !== 1 || !FORM_DATA.test(dispositions[0] ?? '')) {
    throw errors.malformedMultipart(
      'A part of the form does not say which field it is: its header needs a line such as Content-Disposition: form-data; name="file".',
    );
  }
}
