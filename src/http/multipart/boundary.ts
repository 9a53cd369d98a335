/** Reads the boundary of a form from its Content-Type (RFC 2046 section 5.1.1). */
import { errors } from '../../errors.ts';

const PARAMETER = /;[ \t]*boundary[ \t]*=[ \t]*(?:"([^"]*)"|([^\s";]*))/gi;

/** Matches at most 70 characters, none of which needs an escape in quotes. The last one is not a space. */
const BOUNDARY = /^[\w!#$%&'*+\-.^`|~(),/:=? ]{0,69}[\w!#$%&'*+\-.^`|~(),/:=?]$/;

/** Returns the boundary. @throws {AppError} 400 `malformed_multipart` when there is none, several, or an invalid one. */
export function boundaryOf(contentType: string | undefined): string {
  const [first, ...others] = [...(contentType ?? '').matchAll(PARAMETER)];
  if (!first)
    throw errors.malformedMultipart(
      'The Content-Type of the form has no boundary. Let your HTTP client set this header.',
    );
  if (others.length > 0) {
    throw errors.malformedMultipart('The Content-Type of the form has more than one boundary. Send one.');
  }
  const boundary = first[1] ?? first[2] ?? '';
  if (!BOUNDARY.test(boundary)) {
    throw errors.malformedMultipart(
      'The boundary of the form is not valid: RFC 2046 section 5.1.1 allows 1 to 70 characters of ASCII.',
    );
  }
  return boundary;
}
