/** Bodies that are read whole before their request is answered. */
import type { Readable } from 'node:stream';
import { errors } from '../../errors.ts';

export interface SmallBodyLimits {
  limitBytes: number;
  /** Milliseconds until all of it has to be there. */
  timeoutMs: number;
}

/**
 * Reads a body as UTF-8. What comes after a failure is read and dropped, so that the client gets to read the answer.
 *
 * @throws {AppError} 408 `request_too_slow`, 413 `bad_request`.
 */
export function readSmallBody(body: Readable, { limitBytes, timeoutMs }: SmallBodyLimits): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(errors.requestTooSlow()), timeoutMs);
    body.once('close', () => clearTimeout(timer));
    body.once('error', reject);
    body.once('end', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else reject(errors.bodyTooLarge(limitBytes));
    });
  });
}
