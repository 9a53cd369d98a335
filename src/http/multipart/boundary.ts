/** The boundary of a form, as its Content-Type tells it (RFC 2046 section 5.1.1). */
import { errors } from '../../errors.ts';

const PARAMETER = /;[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]*)"|([^\s";]*))/gi;

/** At most 70 characters, none of which needs an escape between quotes; the last one is not a space. */
const BOUNDARY = /^[\w!#$%&'*+\-.^`|~(),/:=? ]{0,69}[\w!#$%&'*+\-.^`|~(),/:=?]$/;

/** @throws {AppError} 400 `malformed_multipart` when there is no boundary, more than one, or one that RFC 2046 does not allow. */
export function boundaryOf(contentType: string | undefined): string {
  const [first, ...others] = [...(contentType ?? '').matchAll(PARAMETER)];
  if (!first) throw errors.malformedMultipart('The Content-Type of the form names no boundary.');
  if (others.length > 0) {
    throw errors.malformedMultipart('The Content-Type of the form names more than one boundary.');
  }
  const boundary = first[1] ?? first[2] ?? '';
  if (!BOUNDARY.test(boundary)) {
    throw errors.malformedMultipart(
      'The boundary of the form is not one that RFC 2046 section 5.1.1 allows: 1 to 70 characters of ASCII.',
    );
  }
  return boundary;
}
