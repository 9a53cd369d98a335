/** Checks the preconditions of changes (RFC 9110 section 13). */
import * as z from 'zod';
import { errors } from '../errors.ts';

/** Headers of a change. */
export const Precondition = z.looseObject({
  'if-match': z
    .string()
    .optional()
    .meta({ description: 'ETags of which the track must have one, or `*` (RFC 9110 section 13.1.1)' }),
});

/** An entity tag (RFC 9110 section 8.8.3). A comma may be part of it. */
const ENTITY_TAG = /(W\/)?"[\x21\x23-\x7e\x80-\xff]*"/g;

/**
 * Throws unless `If-Match` names the present state. Compares strongly (section 13.1.1): a weak tag matches nothing.
 *
 * @param ifMatch the header; undefined where the client has sent none, which makes no condition.
 * @param etag of the present state, which exists.
 * @throws {AppError} 412 `precondition_failed`.
 */
export function assertIfMatch(ifMatch: string | undefined, etag: string): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags: readonly string[] = ifMatch.match(ENTITY_TAG) ?? [];
  if (!tags.includes(etag)) throw errors.preconditionFailed();
}
