/** Reads small bodies whole. */
import type { Readable } from 'node:stream';
import { errors } from '../../errors.ts';

export interface SmallBodyLimits {
  limitBytes: number;
  /** Milliseconds until the whole body must have arrived. */
  timeoutMs: number;
}

/** Reads a body as UTF-8. @throws {AppError} as `readSmallBytes`. */
export async function readSmallBody(body: Readable, limits: SmallBodyLimits): Promise<string> {
  return (await readSmallBytes(body, limits)).toString('utf8');
}

/**
 * Reads a body whole. After a failure reads and drops the rest, so that the client can read the response.
 *
 * @throws {AppError} 408 `request_too_slow` after `timeoutMs`, 413 `bad_request` above `limitBytes`.
 */
export function readSmallBytes(body: Readable, { limitBytes, timeoutMs }: SmallBodyLimits): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  return new Promise<Buffer>((resolve, reject) => {
    const timer = setTimeout(() => reject(errors.requestTooSlow()), timeoutMs);
    body.once('close', () => clearTimeout(timer));
    body.once('error', reject);
    body.once('end', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(chunks));
    });
    body.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= limitBytes) chunks.push(chunk);
      else {
        chunks.length = 0;
        reject(errors.bodyTooLarge(limitBytes));
      }
    });
  });
}
