/** Reads small bodies whole. */
import type { Readable } from 'node:stream';
import { errors } from '../../errors.ts';

export interface SmallBodyLimits {
  limitBytes: number;
  /** Milliseconds until the whole body must have arrived. */
  timeoutMs: number;
}

/**
 * Reads a body as UTF-8. After a failure reads and drops the rest, so that the client can read the response.
 *
 * @throws {AppError} 408 `request_too_slow` after `timeoutMs`, 413 `bad_request` above `limitBytes`.
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
