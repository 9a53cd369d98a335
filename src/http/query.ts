/** Query strings, checked by a schema. */
import * as z from 'zod';
import { errors } from '../errors.ts';

/** @throws {AppError} 400 with what is wrong. */
export function parseQuery<T extends z.ZodType>(schema: T, query: unknown): z.infer<T> {
  const parsed = schema.safeParse(query);
  if (!parsed.success) throw errors.invalidQuery(z.prettifyError(parsed.error).replace(/\s+/g, ' '));
  return parsed.data;
}
